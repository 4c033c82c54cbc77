// LpNormalization: its input divided by the L1 or L2 norm along an axis; zeros stay zeros. Refuses other
// norms.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "kernels/reduce/reduce.h"
#include "ops/nn/softmax_axis.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

struct State {
  SoftmaxAxis axis;
  bool squares;
  DType dtype;
  const kernels::ReduceF32Variant* variant;
};

constexpr int64_t kChunkElements = 32 << 10;

template <typename T>
double NormOf(const State& state, const T* x, int64_t count, int64_t step) {
  double norm = 0;
  bool known = false;
  if constexpr (std::is_same_v<T, float>) {
    if (step == 1) {
      const auto fold = state.squares ? kernels::Fold::kSumSquare : kernels::Fold::kSumAbs;
      norm = state.variant->row(fold, x, count, 0);
      // Squares of floats may be too large or too small for a float.
      known = !state.squares || (norm > 1e-20 && norm < 1e30);
    }
  }
  if (!known) {
    norm = 0;
    for (int64_t k = 0; k < count; ++k) {
      const double item = static_cast<double>(AsNumber(x[k * step]));
      norm += state.squares ? item * item : std::fabs(item);
    }
  }
  return state.squares ? std::sqrt(norm) : norm;
}

template <typename T>
void Divide(const T* x, double norm, int64_t count, int64_t step, T* y) {
  if constexpr (std::is_same_v<T, float>) {
    const auto divisor = static_cast<float>(norm);
    if (step == 1 && divisor >= 1e-30f && divisor <= 1e30f) {
      for (int64_t k = 0; k < count; ++k) y[k] = x[k] / divisor;
      return;
    }
  }
  for (int64_t k = 0; k < count; ++k) {
    const double item = static_cast<double>(AsNumber(x[k * step]));
    y[k * step] = T(static_cast<WideNumber<T>>(norm == 0 ? 0.0 : item / norm));
  }
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const kernels::AxisView view, ViewAlong(state.axis, context.input(0).dims));
  return WithNumberType(state.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const int64_t grain = std::max<int64_t>(1, kChunkElements / std::max<int64_t>(1, view.count));
    context.threads().ParallelRanges(view.outer * view.inner, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t offset = i / view.inner * view.count * view.inner + i % view.inner;
        const T* x = context.input(0).As<T>() + offset;
        const double norm = NormOf(state, x, view.count, view.inner);
        Divide(x, norm, view.count, view.inner, context.output(0).As<T>() + offset);
      }
    });
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const int64_t p = context.node.attributes.Int("p", 2);
  if (p != 1 && p != 2) return InvalidArgument("LpNormalization: p must be 1 or 2, got {}", p);
  const DType dtype = context.input_dtype(0);
  if (!Contains(kFloatTypes, dtype)) return NotImplemented("LpNormalization of {}", DTypeName(dtype));
  prepared->state = std::make_shared<const State>(
      State{SoftmaxAxisOf(context.node), p == 2, dtype, &kernels::SelectReduceF32(context.isa)});
  prepared->run = Run;
  prepared->kernel = "lp_normalization";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 22};
constexpr FormalParameter kInputs[] = {{"input", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"p", AttributeType::kInt}, {"axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kLpNormalization;
constexpr OpDef kLpNormalization{.domain = "",
                                 .name = "LpNormalization",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .attributes = kAttributes,
                                 .infer = InferSoftmax,
                                 .prepare = Prepare};

}  // namespace ortolan
