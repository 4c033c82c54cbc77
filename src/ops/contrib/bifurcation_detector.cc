// BifurcationDetector: appends predicted tokens up to the first that differs from the source, and finds
// where the source goes on: the place behind the only occurrence of the longest last n-gram that occurs
// once, or -1.
#include <algorithm>

#include "ops/op.h"

namespace ortolan {
namespace {

struct State {
  int64_t least, most;
};

Status Infer(InferContext& context) {
  context.SetShape(0, {context.Unknown()});
  context.SetShape(1, graph::Shape::DimList{});
  return OkStatus();
}

// The place behind the only occurrence of the last n tokens in the source, or -1 where there are several or
// none. A longer n-gram is tried where a shorter one occurs more than once.
int64_t SuffixMatch(std::span<const int64_t> source, std::span<const int64_t> tokens, const State& state) {
  int64_t match = -1;
  for (int64_t n = state.least; n <= state.most && n <= static_cast<int64_t>(tokens.size()); ++n) {
    const auto last = tokens.last(static_cast<size_t>(n));
    const auto found = std::search(source.begin(), source.end(), last.begin(), last.end());
    if (found == source.end()) break;
    match = found - source.begin() + n;
    if (match >= static_cast<int64_t>(source.size())) break;
    if (std::search(found + 1, source.end(), last.begin(), last.end()) == source.end()) break;
    match = -1;
  }
  return match;
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const auto source = context.input(0).Items<const int64_t>();
  const auto current = context.input(1).Items<const int64_t>();
  if (context.input(2).count() != 1) return InvalidArgument("BifurcationDetector: one prev_suffix_match_idx");
  const int64_t before = context.input(2).As<const int64_t>()[0];
  std::vector<int64_t> tokens(current.begin(), current.end());
  if (context.HasInput(3)) {
    const auto predicted = context.input(3).Items<const int64_t>();
    if (before < 0 || before > static_cast<int64_t>(source.size())) {
      return InvalidArgument("BifurcationDetector: prev_suffix_match_idx {} of {} tokens", before,
                             source.size());
    }
    const auto rest = source.subspan(static_cast<size_t>(before));
    if (predicted.size() != rest.size() + 1) {
      return InvalidArgument("BifurcationDetector: {} predicted tokens for {} of the source",
                             predicted.size(), rest.size());
    }
    size_t same = 0;
    while (same < rest.size() && predicted[same] == rest[same]) ++same;
    tokens.insert(tokens.end(), predicted.begin(), predicted.begin() + static_cast<ptrdiff_t>(same + 1));
  }
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, {static_cast<int64_t>(tokens.size())}));
  ORTOLAN_RETURN_IF_ERROR(context.Output(1, {}));
  if (context.HasOutput(0)) std::copy(tokens.begin(), tokens.end(), context.output(0).As<int64_t>());
  if (context.HasOutput(1)) context.output(1).As<int64_t>()[0] = SuffixMatch(source, tokens, state);
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const State state{context.node.attributes.Int("min_ngram_size", 1),
                    context.node.attributes.Int("max_ngram_size", 3)};
  if (state.least < 1 || state.most < state.least) {
    return InvalidArgument("BifurcationDetector: n-grams of {} to {}", state.least, state.most);
  }
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  prepared->kernel = "bifurcation_detector";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"src_tokens", "T"},
                                       {"cur_tokens", "T"},
                                       {"prev_suffix_match_idx", "T"},
                                       {"pred_tokens", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"tokens", "T"}, {"suffix_match_idx", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"max_ngram_size", AttributeType::kInt},
                                         {"min_ngram_size", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsBifurcationDetector;
constexpr OpDef kMsBifurcationDetector{.domain = "com.microsoft",
                                       .name = "BifurcationDetector",
                                       .versions = kVersions,
                                       .inputs = kInputs,
                                       .outputs = kOutputs,
                                       .types = kTypes,
                                       .attributes = kAttributes,
                                       .traits = {.data_dependent_shape = true},
                                       .infer = Infer,
                                       .prepare = Prepare};

}  // namespace ortolan
