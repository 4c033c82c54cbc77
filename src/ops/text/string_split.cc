// StringSplit: the parts of each string between delimiters, at most `maxsplit` times, along a new last axis
// that is as long as the longest list (the others are filled up with empty strings), and how many parts each
// has. Without delimiter, or with an empty one, runs of white space are delimiters and those at the ends of a
// string are left out.
#include <algorithm>
#include <vector>

#include "ops/op.h"

namespace ortolan {
namespace {

struct State {
  std::string delimiter;
  int64_t most_splits;  // negative: no limit
};

Status Infer(InferContext& context) {
  context.SetType(0, DType::kString);
  context.SetType(1, DType::kInt64);
  const graph::Shape& x = context.shape(0);
  context.SetShape(1, x);
  if (!x.has_rank()) return OkStatus();
  graph::Shape parts = x;
  parts.dims().push_back(context.Unknown());
  context.SetShape(0, std::move(parts));
  return OkStatus();
}

using Parts = std::vector<std::string_view>;

bool MaySplit(const State& state, const Parts& parts) {
  return state.most_splits < 0 || static_cast<int64_t>(parts.size()) < state.most_splits;
}

void SplitAtBlanks(const State& state, std::string_view text, Parts* parts) {
  constexpr std::string_view kBlanks = " \t\n\r\f\v";
  size_t at = text.find_first_not_of(kBlanks);
  while (at != std::string_view::npos) {
    if (!MaySplit(state, *parts)) {
      parts->push_back(text.substr(at));
      return;
    }
    const size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    parts->push_back(text.substr(at, end - at));
    at = text.find_first_not_of(kBlanks, end);
  }
}

void SplitAtDelimiter(const State& state, std::string_view text, Parts* parts) {
  size_t at = 0;
  while (MaySplit(state, *parts)) {
    const size_t end = text.find(state.delimiter, at);
    if (end == std::string_view::npos) break;
    parts->push_back(text.substr(at, end - at));
    at = end + state.delimiter.size();
  }
  parts->push_back(text.substr(at));
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  const auto strings = x.Items<const std::string>();
  std::vector<Parts> all(strings.size());
  size_t most = 0;
  for (size_t i = 0; i < strings.size(); ++i) {
    if (state.delimiter.empty()) {
      SplitAtBlanks(state, strings[i], &all[i]);
    } else {
      SplitAtDelimiter(state, strings[i], &all[i]);
    }
    most = std::max(most, all[i].size());
  }
  if (context.HasOutput(1)) {
    ORTOLAN_RETURN_IF_ERROR(context.Output(1, x.dims));
    for (size_t i = 0; i < all.size(); ++i)
      context.output(1).As<int64_t>()[i] = static_cast<int64_t>(all[i].size());
  }
  if (!context.HasOutput(0)) return OkStatus();
  Dims dims = x.dims;
  dims.push_back(static_cast<int64_t>(most));
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, dims));
  auto* to = context.output(0).As<std::string>();
  for (const Parts& parts : all) {
    for (size_t k = 0; k < most; ++k) *to++ = k < parts.size() ? std::string(parts[k]) : std::string();
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  prepared->state = std::make_shared<const State>(
      State{std::string(attributes.String("delimiter", "")), attributes.Int("maxsplit", -1)});
  prepared->run = Run;
  prepared->kernel = "string_split";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {20};
constexpr FormalParameter kInputs[] = {{"X", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T2"}, {"Z", "T3"}};
constexpr TypeConstraint kTypes[] = {
    {"T1", SetOf(DType::kString)}, {"T2", SetOf(DType::kString)}, {"T3", SetOf(DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"delimiter", AttributeType::kString},
                                         {"maxsplit", AttributeType::kInt}};

}  // namespace

extern const OpDef kStringSplit;
constexpr OpDef kStringSplit{.domain = "",
                             .name = "StringSplit",
                             .versions = kVersions,
                             .inputs = kInputs,
                             .outputs = kOutputs,
                             .types = kTypes,
                             .attributes = kAttributes,
                             .traits = {.data_dependent_shape = true},
                             .infer = Infer,
                             .prepare = Prepare};

}  // namespace ortolan
