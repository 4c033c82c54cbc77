// StringNormalizer: the strings of a row that are no stop words, in lower or upper case where asked for.
// Where none is left the result is one empty string. Case is that of the locale's letters; a locale that the
// machine lacks counts as C.UTF-8, which knows all of Unicode. Refuses inputs other than [C] and [1,C].
#include <clocale>
#include <cwctype>
#include <unordered_set>

#include "ops/op.h"

namespace ortolan {
namespace {

enum class Case : uint8_t { kAsIs, kLower, kUpper };

// A locale for the functions that take one; null where there is none at all, then only ASCII letters change.
class Letters {
 public:
  explicit Letters(std::string_view name) {
    const std::string wanted(name);
    for (const std::string& text :
         {wanted, wanted + ".UTF-8", std::string("C.UTF-8"), std::string("C.utf8")}) {
      if (locale_ == locale_t() && !text.empty() && text != ".UTF-8")
        locale_ = newlocale(LC_CTYPE_MASK, text.c_str(), locale_t());
    }
  }
  ~Letters() {
    if (locale_ != locale_t()) freelocale(locale_);
  }
  Letters(const Letters&) = delete;
  Letters& operator=(const Letters&) = delete;

  uint32_t Changed(uint32_t letter, Case to) const {
    if (letter < 0x80 || locale_ == locale_t()) {
      if (to == Case::kLower && letter >= 'A' && letter <= 'Z') return letter + 32;
      if (to == Case::kUpper && letter >= 'a' && letter <= 'z') return letter - 32;
      return letter;
    }
    const auto wide = static_cast<wint_t>(letter);
    return static_cast<uint32_t>(to == Case::kLower ? towlower_l(wide, locale_) : towupper_l(wide, locale_));
  }

 private:
  locale_t locale_ = locale_t();
};

// Reads the letter at `at` and moves behind it; bytes that are no UTF-8 are letters from 0x110000 on, which
// come out as they went in.
constexpr uint32_t kRawByte = 0x110000;
uint32_t ReadLetter(std::string_view text, size_t* at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(*at);
  const size_t more = first < 0x80 ? 0 : first >= 0xf0 && first < 0xf8 ? 3 : first >= 0xe0 ? 2 : 1;
  bool valid = first < 0x80 || (first >= 0xc2 && first < 0xf5);
  uint32_t letter = more == 0 ? first : first & (0x3fu >> more);
  for (size_t i = 1; i <= more && valid; ++i) {
    valid = *at + i < text.size() && (byte(*at + i) & 0xc0) == 0x80;
    if (valid) letter = (letter << 6) | (byte(*at + i) & 0x3f);
  }
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

struct State {
  Letters letters;
  Case action = Case::kAsIs;
  bool case_sensitive = false;
  std::unordered_set<std::string> stop_words;  // in lower case unless case_sensitive

  explicit State(std::string_view locale) : letters(locale) {}

  std::string Changed(std::string_view text, Case to) const {
    if (to == Case::kAsIs) return std::string(text);
    std::string changed;
    for (size_t at = 0; at < text.size();) AppendLetter(letters.Changed(ReadLetter(text, &at), to), &changed);
    return changed;
  }
  bool IsStopWord(const std::string& text) const {
    if (stop_words.empty()) return false;
    return stop_words.contains(case_sensitive ? text : Changed(text, Case::kLower));
  }
};

Status CheckShape(const Dims& dims) {
  if (dims.size() == 1 || (dims.size() == 2 && dims[0] == 1)) return OkStatus();
  return InvalidArgument("Input dimensions are either[C > 0] or [1][C > 0] allowed, got {}", DimsText(dims));
}

Status Infer(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  if (!x.has_rank()) return OkStatus();
  if (x.rank() != 1 && (x.rank() != 2 || (x[0].IsConstant() && !x[0].Is(1) && x[0].constant() >= 0))) {
    return InvalidArgument("Input dimensions are either[C > 0] or [1][C > 0] allowed, got {}", ShapeText(x));
  }
  graph::Shape::DimList dims(static_cast<size_t>(x.rank()), graph::Dim(1));
  dims.back() = context.Unknown();
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  ORTOLAN_RETURN_IF_ERROR(CheckShape(x.dims));
  std::vector<std::string> kept;
  for (const std::string& text : x.Items<const std::string>()) {
    if (!state.IsStopWord(text)) kept.push_back(state.Changed(text, state.action));
  }
  if (kept.empty()) kept.emplace_back();
  Dims dims(x.rank(), 1);
  dims.back() = static_cast<int64_t>(kept.size());
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, dims));
  std::move(kept.begin(), kept.end(), context.output(0).As<std::string>());
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto state = std::make_shared<State>(attributes.String("locale", ""));
  const std::string_view action = attributes.String("case_change_action", "NONE");
  if (action == "LOWER") {
    state->action = Case::kLower;
  } else if (action == "UPPER") {
    state->action = Case::kUpper;
  } else if (action != "NONE") {
    return InvalidArgument("attribute case_change_action has invalid value: {}", action);
  }
  state->case_sensitive = attributes.Int("is_case_sensitive", 0) != 0;
  for (const std::string& word : attributes.Strings("stopwords")) {
    state->stop_words.insert(state->case_sensitive ? word : state->Changed(word, Case::kLower));
  }
  prepared->state = std::move(state);
  prepared->run = Run;
  prepared->kernel = "string_normalizer";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {10};
constexpr FormalParameter kInputs[] = {{"X", "tensor(string)"}};
constexpr FormalParameter kOutputs[] = {{"Y", "tensor(string)"}};
constexpr AttributeSpec kAttributes[] = {{"case_change_action", AttributeType::kString},
                                         {"is_case_sensitive", AttributeType::kInt},
                                         {"locale", AttributeType::kString},
                                         {"stopwords", AttributeType::kStrings}};

}  // namespace

extern const OpDef kStringNormalizer;
constexpr OpDef kStringNormalizer{.domain = "",
                                  .name = "StringNormalizer",
                                  .versions = kVersions,
                                  .inputs = kInputs,
                                  .outputs = kOutputs,
                                  .attributes = kAttributes,
                                  .traits = {.data_dependent_shape = true},
                                  .infer = Infer,
                                  .prepare = Prepare};

}  // namespace ortolan
