// Tokenizer of onnxruntime's domain: the tokens of each string along a new last axis, filled up with
// pad_value where another string has more. Tokens are what stands between separators, or what a pattern
// matches (RE2's patterns, longest match), or, for the one separator "", single letters. With `mark` two
// control letters stand around each list. Refuses ranks other than 1 and 2 and strings that are no UTF-8.
#include <re2/re2.h>

#include <algorithm>
#include <vector>

#include "ops/op.h"
#include "ops/text/letters.h"

namespace ortolan {
namespace {

constexpr std::string_view kBegin = "\x02", kEnd = "\x03";

struct State {
  std::vector<std::unique_ptr<const RE2>> separators;
  std::unique_ptr<const RE2> token;
  std::string pad;
  int64_t least_letters = 1;
  bool letters = false;  // each a token
  bool mark = false;
};

using Tokens = std::vector<std::string_view>;

bool IsLong(const State& state, std::string_view token) {
  return text::LetterCount(token) >= state.least_letters;
}

// The bytes of the letter at `at`, for going on behind an empty match.
size_t LetterBytes(std::string_view text, size_t at) {
  size_t end = at + 1;
  while (end < text.size() && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) ++end;
  return end - at;
}

// Where `pattern` matches next from `start` on; false where it does not.
bool NextMatch(const RE2& pattern, std::string_view text, size_t start, size_t* at, size_t* size) {
  re2::StringPiece found;
  if (start > text.size() ||
      !pattern.Match({text.data(), text.size()}, start, text.size(), RE2::UNANCHORED, &found, 1))
    return false;
  *at = static_cast<size_t>(found.data() - text.data());
  *size = found.size();
  return true;
}

void SplitByLetters(std::string_view text, Tokens* tokens) {
  for (size_t at = 0; at < text.size();) {
    const size_t size = LetterBytes(text, at);
    tokens->push_back(text.substr(at, size));
    at += size;
  }
}

void SplitBySeparators(const State& state, std::string_view text, Tokens* tokens) {
  if (IsLong(state, text)) tokens->push_back(text);
  Tokens parts;
  for (const auto& separator : state.separators) {
    parts.clear();
    for (const std::string_view whole : *tokens) {
      size_t start = 0, at = 0, size = 0;
      while (NextMatch(*separator, whole, start, &at, &size)) {
        if (const auto part = whole.substr(start, at - start); IsLong(state, part)) parts.push_back(part);
        if (size == 0 && at >= whole.size()) {
          start = whole.size();
          break;
        }
        start = at + (size > 0 ? size : LetterBytes(whole, at));
      }
      if (start > whole.size()) continue;
      if (const auto part = whole.substr(start); IsLong(state, part)) parts.push_back(part);
    }
    tokens->swap(parts);
  }
}

void FindTokens(const State& state, std::string_view text, Tokens* tokens) {
  size_t start = 0, at = 0, size = 0;
  while (NextMatch(*state.token, text, start, &at, &size)) {
    if (size > 0) {
      if (const auto token = text.substr(at, size); IsLong(state, token)) tokens->push_back(token);
      start = at + size;
    } else {
      if (at >= text.size()) return;
      start = at + LetterBytes(text, at);
    }
  }
}

Status Infer(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  if (!x.has_rank()) return OkStatus();
  graph::Shape y = x;
  y.dims().push_back(context.Unknown());
  context.SetShape(0, std::move(y));
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  if (x.rank() != 1 && x.rank() != 2)
    return InvalidArgument("Input dimensions are either [C] or [N][C] allowed, got {}", DimsText(x.dims));
  const auto strings = x.Items<const std::string>();
  if (strings.empty()) {
    Dims dims = x.dims;
    dims.back() = 0;
    return context.Output(0, dims);
  }
  std::vector<Tokens> all(strings.size());
  size_t most = 0;
  for (size_t i = 0; i < strings.size(); ++i) {
    if (text::LetterCount(strings[i]) < 0)
      return InvalidArgument("Input string contains invalid utf8 chars: {}", strings[i]);
    if (state.letters) {
      SplitByLetters(strings[i], &all[i]);
    } else if (state.token != nullptr) {
      FindTokens(state, strings[i], &all[i]);
    } else {
      SplitBySeparators(state, strings[i], &all[i]);
    }
    most = std::max(most, all[i].size());
  }
  const bool mark = state.mark && most > 0;
  Dims dims = x.dims;
  dims.push_back(static_cast<int64_t>(most + (mark ? 2 : 0)));
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, dims));
  auto* to = context.output(0).As<std::string>();
  for (const Tokens& tokens : all) {
    if (mark) *to++ = std::string(kBegin);
    for (const std::string_view token : tokens) *to++ = std::string(token);
    if (mark) *to++ = std::string(kEnd);
    for (size_t i = tokens.size(); i < most; ++i) *to++ = state.pad;
  }
  return OkStatus();
}

Result<std::unique_ptr<const RE2>> PatternOf(const std::string& text) {
  RE2::Options options(RE2::Quiet);
  options.set_longest_match(true);
  auto pattern = std::make_unique<const RE2>(text, options);
  if (!pattern->ok()) return InvalidArgument("Can not digest regex: {}: {}", text, pattern->error());
  return pattern;
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto state = std::make_shared<State>();
  state->pad = attributes.String("pad_value", "");
  state->mark = attributes.Int("mark", 0) != 0;
  state->least_letters = attributes.Int("mincharnum", 0);
  if (state->least_letters < 1)
    return InvalidArgument("attribute mincharnum must have a positive value, got {}", state->least_letters);
  const std::span<const std::string> separators = attributes.Strings("separators");
  const std::string token(attributes.String("tokenexp", ""));
  if (separators.empty() == token.empty())
    return InvalidArgument("Tokenizer: exactly one of separators and tokenexp must be given");
  if (!token.empty()) {
    ORTOLAN_ASSIGN_OR_RETURN(state->token, PatternOf(token));
  } else if (separators.size() == 1 && separators[0].empty()) {
    if (state->least_letters > 1)
      return InvalidArgument("mincharnum is too big for char level tokenization: {}", state->least_letters);
    state->letters = true;
  } else {
    for (const std::string& separator : separators) {
      if (separator.empty()) return InvalidArgument("Tokenizer: no empty separators but a single one");
      ORTOLAN_ASSIGN_OR_RETURN(std::unique_ptr<const RE2> pattern, PatternOf(separator));
      state->separators.push_back(std::move(pattern));
    }
  }
  prepared->state = std::move(state);
  prepared->run = Run;
  prepared->kernel = "tokenizer";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kString)}};
constexpr AttributeSpec kAttributes[] = {{"mark", AttributeType::kInt, true},
                                         {"mincharnum", AttributeType::kInt, true},
                                         {"pad_value", AttributeType::kString, true},
                                         {"separators", AttributeType::kStrings},
                                         {"tokenexp", AttributeType::kString}};

}  // namespace

extern const OpDef kTokenizer;
constexpr OpDef kTokenizer{.domain = "com.microsoft",
                           .name = "Tokenizer",
                           .versions = kVersions,
                           .inputs = kInputs,
                           .outputs = kOutputs,
                           .types = kTypes,
                           .attributes = kAttributes,
                           .traits = {.data_dependent_shape = true},
                           .infer = Infer,
                           .prepare = Prepare};

}  // namespace ortolan
