#include "ops/text/letters.h"

#include <algorithm>
#include <iterator>
#include <span>

namespace ortolan::text {
namespace {

// Each letter first, first + step, ..., last becomes itself plus delta.
struct CaseRange {
  uint32_t first, last;
  int32_t step, delta;
};
constexpr CaseRange kUpper[] = {
#define ORTOLAN_UPPER_RANGES
#include "ops/text/case_ranges.inc"
#undef ORTOLAN_UPPER_RANGES
};
constexpr CaseRange kLower[] = {
#define ORTOLAN_LOWER_RANGES
#include "ops/text/case_ranges.inc"
#undef ORTOLAN_LOWER_RANGES
};

uint32_t ByRange(std::span<const CaseRange> ranges, uint32_t letter) {
  const auto range = std::lower_bound(ranges.begin(), ranges.end(), letter,
                                      [](const CaseRange& a, uint32_t b) { return a.last < b; });
  if (range == ranges.end() || letter < range->first ||
      (letter - range->first) % static_cast<uint32_t>(range->step) != 0)
    return letter;
  return letter + static_cast<uint32_t>(range->delta);
}

// Bytes that are no UTF-8 are letters from here on, which come out as they went in.
constexpr uint32_t kRawByte = 0x110000;

// Reads the letter at `at` and moves behind it.
uint32_t ReadLetter(std::string_view text, size_t* at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(*at);
  const size_t more = first < 0x80 ? 0 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  bool valid = first < 0x80 || (first >= 0xc2 && first < 0xf5);
  uint32_t letter = more == 0 ? first : first & (0x3fu >> more);
  for (size_t i = 1; i <= more && valid; ++i) {
    valid = *at + i < text.size() && (byte(*at + i) & 0xc0) == 0x80;
    if (valid) letter = (letter << 6) | (byte(*at + i) & 0x3f);
  }
  // A longer form than the letter needs, or beyond Unicode.
  if (valid && (letter >= kRawByte || (more == 2 && letter < 0x800) || (more == 3 && letter < 0x10000)))
    valid = false;
  if (!valid) {
    ++*at;
    return kRawByte + first;
  }
  *at += more + 1;
  return letter;
}

void AppendLetter(uint32_t letter, std::string* text) {
  if (letter >= kRawByte) {
    text->push_back(static_cast<char>(letter - kRawByte));
  } else if (letter < 0x80) {
    text->push_back(static_cast<char>(letter));
  } else {
    const int more = letter < 0x800 ? 1 : letter < 0x10000 ? 2 : 3;
    text->push_back(static_cast<char>((0xf00u >> (more + 1)) | (letter >> (6 * more))));
    for (int i = more - 1; i >= 0; --i)
      text->push_back(static_cast<char>(0x80 | ((letter >> (6 * i)) & 0x3f)));
  }
}

}  // namespace

Alphabet AlphabetOf(std::string_view locale) {
  const std::string_view language = locale.substr(0, locale.find_first_of("_.-@"));
  return language == "tr" || language == "az" ? Alphabet::kTurkic : Alphabet::kUsual;
}

uint32_t ChangedLetter(uint32_t letter, Case to, Alphabet alphabet) {
  if (alphabet == Alphabet::kTurkic) {
    if (to == Case::kLower && letter == 'I') return 0x131;
    if (to == Case::kUpper && letter == 'i') return 0x130;
  }
  if (to == Case::kLower)
    return letter >= 0x80 ? ByRange(kLower, letter) : letter >= 'A' && letter <= 'Z' ? letter + 32 : letter;
  if (to == Case::kUpper)
    return letter >= 0x80 ? ByRange(kUpper, letter) : letter >= 'a' && letter <= 'z' ? letter - 32 : letter;
  return letter;
}

std::string Changed(std::string_view text, Case to, Alphabet alphabet) {
  if (to == Case::kAsIs) return std::string(text);
  std::string changed;
  changed.reserve(text.size());
  for (size_t at = 0; at < text.size();)
    AppendLetter(ChangedLetter(ReadLetter(text, &at), to, alphabet), &changed);
  return changed;
}

int64_t LetterCount(std::string_view text) {
  int64_t count = 0;
  for (size_t at = 0; at < text.size(); ++count)
    if (ReadLetter(text, &at) >= kRawByte) return -1;
  return count;
}

}  // namespace ortolan::text
