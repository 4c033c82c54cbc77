// Tokenizer: the parts of strings between separators, or the matches of one expression (RE2's syntax),
// padded to one number a string; single characters where the separator is empty. Refuses ranks other than 1
// and 2 and expressions that RE2 does not read.
#include <re2/re2.h>
#include <algorithm>

#include "ops/op.h"

namespace ortolan {
namespace {

struct State {
  bool mark = false, characters = false;
  size_t least = 0;  // characters of a token
  std::string pad;
  std::vector<std::unique_ptr<RE2>> separators;
  std::unique_ptr<RE2> token;
};

Status Infer(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  if (!x.has_rank()) return OkStatus();
  if (x.rank() < 1 || x.rank() > 2) {
    return Fail("[ShapeInferenceError] Input dimensions are either [C] or [N][C] allowed");
  }
  graph::Shape::DimList dims = x.dims();
  dims.push_back(context.Unknown());
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

size_t CharacterBytes(unsigned char first) {
  return first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
}

size_t CharacterCount(std::string_view text) {
  size_t count = 0;
  for (size_t i = 0; i < text.size(); i += CharacterBytes(static_cast<unsigned char>(text[i]))) ++count;
  return count;
}

using Tokens = std::vector<std::string_view>;

Tokens Characters(std::string_view text) {
  Tokens tokens;
  for (size_t i = 0; i < text.size();) {
    const size_t bytes = std::min(CharacterBytes(static_cast<unsigned char>(text[i])), text.size() - i);
    tokens.push_back(text.substr(i, bytes));
    i += bytes;
  }
  return tokens;
}

// Each separator cuts what the ones before it left.
Tokens Separated(const State& state, std::string_view text) {
  Tokens parts{text};
  for (const auto& separator : state.separators) {
    Tokens next;
    for (const std::string_view part : parts) {
      const re2::StringPiece whole(part.data(), part.size());
      size_t start = 0;
      re2::StringPiece found;
      while (start <= part.size() &&
             separator->Match(whole, start, part.size(), RE2::UNANCHORED, &found, 1)) {
        const auto at = static_cast<size_t>(found.data() - part.data());
        if (found.empty()) break;
        const std::string_view token = part.substr(start, at - start);
        if (!token.empty()) next.push_back(token);
        start = at + found.size();
      }
      if (start < part.size()) next.push_back(part.substr(start));
    }
    parts = std::move(next);
  }
  std::erase_if(parts,
                [&](std::string_view token) { return token.empty() || CharacterCount(token) < state.least; });
  return parts;
}

Tokens Matched(const State& state, std::string_view text) {
  Tokens tokens;
  const re2::StringPiece whole(text.data(), text.size());
  re2::StringPiece found;
  size_t start = 0;
  while (start < text.size() && state.token->Match(whole, start, text.size(), RE2::UNANCHORED, &found, 1)) {
    const auto at = static_cast<size_t>(found.data() - text.data());
    const std::string_view token = text.substr(at, found.size());
    if (!token.empty() && CharacterCount(token) >= state.least) tokens.push_back(token);
    const size_t step =
        found.empty() && at < text.size() ? CharacterBytes(static_cast<unsigned char>(text[at])) : 0;
    start = at + found.size() + step;
  }
  return tokens;
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  if (x.rank() < 1 || x.rank() > 2)
    return InvalidArgument("Input dimensions are either [C] or [N][C] allowed");
  const auto texts = x.Items<const std::string>();
  std::vector<Tokens> all;
  size_t most = 0;
  for (const std::string& text : texts) {
    all.push_back(state.characters ? Characters(text)
                  : state.token    ? Matched(state, text)
                                   : Separated(state, text));
    most = std::max(most, all.back().size());
  }
  Dims dims = x.dims;
  const size_t marks = state.mark && most > 0 ? 2 : 0;
  if (!texts.empty()) dims.push_back(static_cast<int64_t>(most + marks));
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, dims));
  auto* y = context.output(0).As<std::string>();
  for (const Tokens& tokens : all) {
    if (most == 0) break;
    if (marks > 0) (y++)->assign(1, '\x02');
    for (const std::string_view token : tokens) *y++ = std::string(token);
    if (marks > 0) (y++)->assign(1, '\x03');
    for (size_t i = tokens.size(); i < most; ++i) *y++ = state.pad;
  }
  return OkStatus();
}

Result<std::unique_ptr<RE2>> Compile(std::string_view text) {
  RE2::Options options(RE2::Quiet);
  options.set_longest_match(true);
  auto made = std::make_unique<RE2>(re2::StringPiece(text.data(), text.size()), options);
  if (!made->ok()) return InvalidArgument("Can not digest regex: {}: {}", text, made->error());
  return made;
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto state = std::make_shared<State>();
  state->mark = attributes.Int("mark", 0) != 0;
  state->pad = attributes.String("pad_value", "");
  const int64_t least = attributes.Int("mincharnum", 1);
  if (least < 1) return InvalidArgument("Tokenizer: mincharnum {}", least);
  state->least = static_cast<size_t>(least);
  const std::span<const std::string> separators = attributes.Strings("separators");
  const std::string_view token = attributes.String("tokenexp", "");
  if (separators.empty() == token.empty()) {
    return InvalidArgument("Tokenizer: one of separators and tokenexp must be set");
  }
  state->characters = token == "." || (separators.size() == 1 && separators[0].empty());
  if (!state->characters && !token.empty()) {
    ORTOLAN_ASSIGN_OR_RETURN(state->token, Compile(token));
  }
  for (const std::string& separator : separators) {
    if (state->characters) break;
    if (separator.empty()) return InvalidArgument("Tokenizer: an empty separator among others");
    ORTOLAN_ASSIGN_OR_RETURN(std::unique_ptr<RE2> made, Compile(separator));
    state->separators.push_back(std::move(made));
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

extern const OpDef kMsTokenizer;
constexpr OpDef kMsTokenizer{.domain = "com.microsoft",
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
