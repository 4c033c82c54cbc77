// Hardmax: one where the largest element along an axis stands first, zero elsewhere. Refuses an axis out of
// range.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "kernels/reduce/reduce.h"
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
  const kernels::ReduceF32Variant* variant;
};

constexpr int64_t kChunkElements = 32 << 10;

// The first of the largest; a NaN is larger than nothing, and nothing is larger than one that stands first.
template <typename T>
int64_t Largest(const State& state, const T* x, int64_t count, int64_t step) {
  if constexpr (std::is_same_v<T, float>) {
    const auto best = static_cast<float>(step == 1 ? state.variant->row(kernels::Fold::kMax, x, count, 0)
                                                   : static_cast<double>(NAN));
    if (best == best) return std::find(x, x + count, best) - x;
  }
  int64_t best = 0;
  for (int64_t k = 1; k < count; ++k) {
    if (AsNumber(x[k * step]) > AsNumber(x[best * step])) best = k;
  }
  return best;
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const kernels::AxisView view, ViewAlong(state.axis, context.input(0).dims));
  return WithNumberType(state.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const T one = T(WideNumber<T>(1)), zero = T(WideNumber<T>(0));
    const int64_t lines = view.count > 0 ? view.outer * view.inner : 0;
    const int64_t grain = std::max<int64_t>(1, kChunkElements / std::max<int64_t>(1, view.count));
    context.threads().ParallelRanges(lines, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t offset = i / view.inner * view.count * view.inner + i % view.inner;
        const T* x = context.input(0).As<T>() + offset;
        T* y = context.output(0).As<T>() + offset;
        const int64_t best = Largest(state, x, view.count, view.inner);
        for (int64_t k = 0; k < view.count; ++k) y[k * view.inner] = zero;
        y[best * view.inner] = one;
      }
    });
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  prepared->state = std::make_shared<const State>(
      State{SoftmaxAxisOf(context.node), context.input_dtype(0), &kernels::SelectReduceF32(context.isa)});
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
