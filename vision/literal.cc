#include "vision/literal.h"

#include <charconv>
#include <map>

namespace ortolan::vision {
namespace {

void AppendUtf8(uint32_t point, std::string* text) {
  if (point < 0x80) {
    text->push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    text->push_back(static_cast<char>(0xC0 | (point >> 6)));
    text->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  } else if (point < 0x10000) {
    text->push_back(static_cast<char>(0xE0 | (point >> 12)));
    text->push_back(static_cast<char>(0x80 | ((point >> 6) & 0x3F)));
    text->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  } else {
    text->push_back(static_cast<char>(0xF0 | (point >> 18)));
    text->push_back(static_cast<char>(0x80 | ((point >> 12) & 0x3F)));
    text->push_back(static_cast<char>(0x80 | ((point >> 6) & 0x3F)));
    text->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  }
}

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  // Skips blanks, then takes `character` if it is next.
  bool Take(char character) {
    SkipBlanks();
    if (rest_.empty() || rest_.front() != character) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool AtEnd() {
    SkipBlanks();
    return rest_.empty();
  }
  std::optional<int64_t> Integer() {
    SkipBlanks();
    int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) return std::nullopt;
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return value;
  }
  std::optional<std::string> String() {
    SkipBlanks();
    if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) return std::nullopt;
    const char quote = rest_.front();
    rest_.remove_prefix(1);
    std::string text;
    while (!rest_.empty() && rest_.front() != quote) {
      if (!Character(&text)) return std::nullopt;
    }
    if (rest_.empty()) return std::nullopt;
    rest_.remove_prefix(1);
    return text;
  }

 private:
  void SkipBlanks() {
    const size_t start = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(start == std::string_view::npos ? rest_.size() : start);
  }
  char Next() {
    const char next = rest_.front();
    rest_.remove_prefix(1);
    return next;
  }
  // One character of a string, an escape sequence counting as one.
  bool Character(std::string* text) {
    const char plain = Next();
    if (plain != '\\') {
      text->push_back(plain);
      return true;
    }
    if (rest_.empty()) return false;
    const char escape = Next();
    switch (escape) {
      case 'n':
        text->push_back('\n');
        return true;
      case 't':
        text->push_back('\t');
        return true;
      case 'r':
        text->push_back('\r');
        return true;
      case 'x':
        return CodePoint(2, text);
      case 'u':
        return CodePoint(4, text);
      case 'U':
        return CodePoint(8, text);
      case '\\':
      case '\'':
      case '"':
        text->push_back(escape);
        return true;
      default:
        return false;
    }
  }
  bool CodePoint(size_t digits, std::string* text) {
    if (rest_.size() < digits) return false;
    uint32_t point = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + digits, point, 16);
    if (error != std::errc() || end != rest_.data() + digits || point > 0x10FFFF) return false;
    rest_.remove_prefix(digits);
    AppendUtf8(point, text);
    return true;
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::vector<std::string>> ParseNames(std::string_view text) {
  Reader reader(text);
  if (!reader.Take('{')) return std::nullopt;
  std::map<int64_t, std::string> names;
  while (!reader.Take('}')) {
    const auto key = reader.Integer();
    if (!key || !reader.Take(':')) return std::nullopt;
    auto name = reader.String();
    if (!name) return std::nullopt;
    names[*key] = std::move(*name);
    if (!reader.Take(',')) {
      if (!reader.Take('}')) return std::nullopt;
      break;
    }
  }
  if (!reader.AtEnd() || names.empty()) return std::nullopt;
  if (names.begin()->first != 0 || names.rbegin()->first != static_cast<int64_t>(names.size()) - 1)
    return std::nullopt;
  std::vector<std::string> list;
  for (auto& [key, name] : names) list.push_back(std::move(name));
  return list;
}

std::optional<std::vector<int64_t>> ParseIntegers(std::string_view text) {
  Reader reader(text);
  std::vector<int64_t> list;
  const char closing = reader.Take('[') ? ']' : reader.Take('(') ? ')' : '\0';
  if (closing == '\0') {
    const auto single = reader.Integer();
    if (!single || !reader.AtEnd()) return std::nullopt;
    return std::vector<int64_t>{*single};
  }
  while (!reader.Take(closing)) {
    const auto item = reader.Integer();
    if (!item) return std::nullopt;
    list.push_back(*item);
    if (!reader.Take(',')) {
      if (!reader.Take(closing)) return std::nullopt;
      break;
    }
  }
  if (!reader.AtEnd()) return std::nullopt;
  return list;
}

}  // namespace ortolan::vision
