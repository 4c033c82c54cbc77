// VarlenCausalConvWithState: a depthwise convolution over the past of each of several sequences that stand
// one behind the other, from states that are handed on; also the first tokens of each, for callers that may
// go back. Refuses offsets that do not rise from 0 to the number of tokens.
#include <algorithm>
#include <cmath>
#include "ops/op.h"

namespace ortolan {
namespace {

enum Input : size_t { kX, kWeight, kOffsets, kBias, kState, kCaptured };

struct State {
  int64_t dilation, capacity;
  bool silu;
};

Status Infer(InferContext& context) {
  for (size_t i = 0; i < context.output_count(); ++i) context.SetType(i, context.dtype(kX));
  const graph::Shape &x = context.shape(kX), &state = context.shape(kState);
  context.SetShape(0, x);
  context.SetShape(1, state);
  if (!x.has_rank() || !state.has_rank()) return OkStatus();
  if (x.rank() != 2 || state.rank() != 3) {
    return InvalidArgument("VarlenCausalConvWithState: input {} and initial_state {}", ShapeText(x),
                           ShapeText(state));
  }
  context.SetShape(2, {state[0], context.attributes().Int("state_update_capacity", 0), x[1]});
  return OkStatus();
}

struct Sizes {
  int64_t tokens, channels, taps, batch, state;
};

Result<Sizes> SizesOf(const State& state, RunContext& context) {
  const Dims &x = context.input(kX).dims, &w = context.input(kWeight).dims, &s = context.input(kState).dims;
  if (x.size() != 2 || w.size() != 3 || s.size() != 3 || w[2] < 1 || w[2] > INT32_MAX) {
    return InvalidArgument("input {}, weight {}, initial_state {}", DimsText(x), DimsText(w), DimsText(s));
  }
  const Sizes sizes{x[0], x[1], w[2], s[0], (w[2] - 1) * state.dilation};
  const auto fits = [&](size_t i, const Dims& dims) {
    return !context.HasInput(i) || context.input(i).dims == dims;
  };
  if (!(w == Dims{sizes.channels, 1, sizes.taps}) || !(s == Dims{sizes.batch, sizes.channels, sizes.state}) ||
      !fits(kOffsets, {sizes.batch + 1}) || !fits(kBias, {sizes.channels}) ||
      !fits(kCaptured, {sizes.batch})) {
    return InvalidArgument("input {}, weight {}, initial_state {} do not fit the other inputs", DimsText(x),
                           DimsText(w), DimsText(s));
  }
  if (context.HasInput(kCaptured) != (state.capacity > 0))
    return InvalidArgument("capture_count goes with state_update_capacity above 0");
  const auto* offsets = context.input(kOffsets).As<const int32_t>();
  for (int64_t b = 0; b < sizes.batch; ++b) {
    if (offsets[b] < 0 || offsets[b] > offsets[b + 1])
      return InvalidArgument("cumulative_sequence_length falls");
  }
  if (offsets[0] != 0 || offsets[sizes.batch] != sizes.tokens) {
    return InvalidArgument("cumulative_sequence_length ends at {}, there are {} tokens", offsets[sizes.batch],
                           sizes.tokens);
  }
  return sizes;
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const Sizes sizes, SizesOf(state, context));
  const auto* x = context.input(kX).As<const float>();
  const auto* weight = context.input(kWeight).As<const float>();
  const auto* bias = context.HasInput(kBias) ? context.input(kBias).As<const float>() : nullptr;
  const auto* offsets = context.input(kOffsets).As<const int32_t>();
  const int64_t channels = sizes.channels, length = sizes.state;
  context.threads().ParallelFor(sizes.batch * channels, [&](int64_t task) {
    const int64_t b = task / channels, c = task % channels, first = offsets[b],
                  tokens = offsets[b + 1] - first;
    const float* before = context.input(kState).As<const float>() + task * length;
    // Position t of the sequence; what stands in front of it is in the state.
    const auto at = [&](int64_t t) { return t < 0 ? before[length + t] : x[(first + t) * channels + c]; };
    for (int64_t t = 0; t < tokens; ++t) {
      float sum = bias != nullptr ? bias[c] : 0;
      for (int64_t j = 0; j < sizes.taps; ++j)
        sum += weight[c * sizes.taps + j] * at(t - (sizes.taps - 1 - j) * state.dilation);
      context.output(0).As<float>()[(first + t) * channels + c] =
          state.silu ? sum / (1 + std::exp(-sum)) : sum;
    }
    for (int64_t i = 0; context.HasOutput(1) && i < length; ++i)
      context.output(1).As<float>()[task * length + i] = at(tokens - length + i);
    if (!context.HasOutput(2) || state.capacity == 0) return;
    const int64_t captured = std::min<int64_t>(context.input(kCaptured).As<const int32_t>()[b], tokens);
    for (int64_t i = 0; i < state.capacity; ++i)
      context.output(2).As<float>()[(b * state.capacity + i) * channels + c] = i < captured ? at(i) : 0;
  });
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const std::string_view activation = attributes.String("activation", "none");
  State state{attributes.Int("dilation", 1), attributes.Int("state_update_capacity", 0),
              activation != "none"};
  if (activation != "none" && activation != "silu" && activation != "swish")
    return InvalidArgument("VarlenCausalConvWithState: activation cannot be '{}'", activation);
  if (state.dilation < 1 || state.dilation > INT32_MAX || state.capacity < 0 || state.capacity > 8) {
    return InvalidArgument("VarlenCausalConvWithState: dilation {}, state_update_capacity {}", state.dilation,
                           state.capacity);
  }
  if (context.input_dtype(kX) != DType::kFloat)
    return NotImplemented("VarlenCausalConvWithState of {}", DTypeName(context.input_dtype(kX)));
  prepared->kernel = "varlen_causal_conv";
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T"},
                                       {"weight", "T"},
                                       {"cumulative_sequence_length", "tensor(int32)"},
                                       {"bias", "T", Arity::kOptional},
                                       {"initial_state", "T"},
                                       {"capture_count", "tensor(int32)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {
    {"output", "T"}, {"final_state", "T"}, {"state_update", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16)}};
constexpr AttributeSpec kAttributes[] = {{"activation", AttributeType::kString},
                                         {"dilation", AttributeType::kInt},
                                         {"state_update_capacity", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsVarlenCausalConvWithState;
constexpr OpDef kMsVarlenCausalConvWithState{.domain = "com.microsoft",
                                             .name = "VarlenCausalConvWithState",
                                             .versions = kVersions,
                                             .inputs = kInputs,
                                             .outputs = kOutputs,
                                             .types = kTypes,
                                             .attributes = kAttributes,
                                             .infer = Infer,
                                             .prepare = Prepare};

}  // namespace ortolan
