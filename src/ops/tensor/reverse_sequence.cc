// ReverseSequence: along the time axis the first sequence_lens[b] slices of batch item b in reverse, the
// others as they are. Refuses axes other than 0 and 1 and lengths beyond the time axis.
#include <algorithm>

#include "ops/axes.h"
#include "ops/op.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

struct State {
  bool time_first;
  DType dtype;
};

Status CheckAxes(int64_t batch_axis, int64_t time_axis) {
  if ((batch_axis == 0 && time_axis == 1) || (batch_axis == 1 && time_axis == 0)) return OkStatus();
  return InvalidArgument("batch_axis and time_axis must be 0 and 1 and differ, got {} and {}", batch_axis,
                         time_axis);
}

Status Infer(InferContext& context) {
  const graph::Attributes& attributes = context.attributes();
  ORTOLAN_RETURN_IF_ERROR(CheckAxes(attributes.Int("batch_axis", 1), attributes.Int("time_axis", 0)));
  if (context.shape(0).has_rank() && context.shape(0).rank() < 2) {
    return Fail("[ShapeInferenceError] 'input' must have rank >= 2");
  }
  return InferSameShape(context);
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  if (x.rank() < 2) return InvalidArgument("the input must have two axes or more");
  const int64_t steps = x.dims[state.time_first ? 0 : 1], batch = x.dims[state.time_first ? 1 : 0];
  const int64_t inner = ElementCount(std::span<const int64_t>(x.dims.data(), x.rank()).subspan(2));
  const auto lengths = context.input(1).Items<const int64_t>();
  if (static_cast<int64_t>(lengths.size()) != batch) {
    return InvalidArgument("sequence_lens must have {} elements, got {}", batch, lengths.size());
  }
  for (int64_t length : lengths) {
    if (length < 0 || length > steps)
      return InvalidArgument("Invalid sequence length: {}. Value must be in range [0,{}]", length, steps);
  }
  return WithMovedType(state.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    auto at = [&](int64_t time, int64_t b) {
      return (state.time_first ? time * batch + b : b * steps + time) * inner;
    };
    for (int64_t b = 0; b < batch; ++b) {
      const int64_t length = lengths[static_cast<size_t>(b)];
      for (int64_t time = 0; time < steps; ++time) {
        const T* from = x.As<const T>() + at(time < length ? length - 1 - time : time, b);
        std::copy(from, from + inner, context.output(0).As<T>() + at(time, b));
      }
    }
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_RETURN_IF_ERROR(ElementWidth(context.input_dtype(0)).status());
  prepared->state = std::make_shared<const State>(
      State{context.node.attributes.Int("time_axis", 0) == 0, context.input_dtype(0)});
  prepared->run = Run;
  prepared->kernel = "reverse_sequence";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {10, 28};
constexpr FormalParameter kInputs[] = {{"input", "T"}, {"sequence_lens", "tensor(int64)"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes}};
constexpr AttributeSpec kAttributes[] = {{"batch_axis", AttributeType::kInt},
                                         {"time_axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kReverseSequence;
constexpr OpDef kReverseSequence{.domain = "",
                                 .name = "ReverseSequence",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .attributes = kAttributes,
                                 .infer = Infer,
                                 .prepare = Prepare};

}  // namespace ortolan
