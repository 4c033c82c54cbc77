// Hardmax: one where the largest element along an axis stands first, zero elsewhere. Refuses an axis out of
// range.
#include <algorithm>

#include "ops/nn/softmax_axis.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  RaiseSoftmax(context);
  return OkStatus();
}

struct State {
  SoftmaxAxis axis;
  DType dtype;
};

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const kernels::AxisView view, ViewAlong(state.axis, context.input(0).dims));
  return WithNumberType(state.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    for (int64_t i = 0; view.count > 0 && i < view.outer * view.inner; ++i) {
      const int64_t offset = i / view.inner * view.count * view.inner + i % view.inner;
      const T* x = context.input(0).As<T>() + offset;
      T* y = context.output(0).As<T>() + offset;
      int64_t best = 0;
      for (int64_t k = 1; k < view.count; ++k) {
        if (AsNumber(x[k * view.inner]) > AsNumber(x[best * view.inner])) best = k;
      }
      for (int64_t k = 0; k < view.count; ++k) y[k * view.inner] = T(WideNumber<T>(k == best ? 1 : 0));
    }
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  prepared->state = std::make_shared<const State>(State{SoftmaxAxisOf(context.node), context.input_dtype(0)});
  prepared->run = Run;
  prepared->kernel = "hardmax";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 11, 13};
constexpr FormalParameter kInputs[] = {{"input", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kHardmax;
constexpr OpDef kHardmax{.domain = "",
                         .name = "Hardmax",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .attributes = kAttributes,
                         .raise = Raise,
                         .infer = InferSoftmax,
                         .prepare = Prepare};

}  // namespace ortolan
