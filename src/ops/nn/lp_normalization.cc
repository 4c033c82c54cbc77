// LpNormalization: its input divided by the L1 or L2 norm along an axis; zeros stay zeros. Refuses other
// norms.
#include <cmath>

#include "ops/nn/softmax_axis.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

struct State {
  SoftmaxAxis axis;
  bool squares;
  DType dtype;
};

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const kernels::AxisView view, ViewAlong(state.axis, context.input(0).dims));
  return WithNumberType(state.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    for (int64_t i = 0; i < view.outer * view.inner; ++i) {
      const int64_t offset = i / view.inner * view.count * view.inner + i % view.inner;
      const T* x = context.input(0).As<T>() + offset;
      T* y = context.output(0).As<T>() + offset;
      double norm = 0;
      for (int64_t k = 0; k < view.count; ++k) {
        const double item = static_cast<double>(AsNumber(x[k * view.inner]));
        norm += state.squares ? item * item : std::fabs(item);
      }
      if (state.squares) norm = std::sqrt(norm);
      for (int64_t k = 0; k < view.count; ++k) {
        const double item = static_cast<double>(AsNumber(x[k * view.inner]));
        y[k * view.inner] = T(static_cast<WideNumber<T>>(norm == 0 ? 0.0 : item / norm));
      }
    }
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const int64_t p = context.node.attributes.Int("p", 2);
  if (p != 1 && p != 2) return InvalidArgument("LpNormalization: p must be 1 or 2, got {}", p);
  const DType dtype = context.input_dtype(0);
  if (!Contains(kFloatTypes, dtype)) return NotImplemented("LpNormalization of {}", DTypeName(dtype));
  prepared->state = std::make_shared<const State>(State{SoftmaxAxisOf(context.node), p == 2, dtype});
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
