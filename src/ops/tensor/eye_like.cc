// EyeLike: a matrix of its input's shape with ones on a diagonal and zeros elsewhere. Refuses inputs that are
// no matrices.
#include <cstring>

#include "ops/op.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  const int64_t dtype = context.attributes().Int("dtype", static_cast<int64_t>(context.dtype(0)));
  if (!IsDefined(static_cast<int>(dtype))) return InvalidArgument("EyeLike: no element type {}", dtype);
  context.SetType(0, static_cast<DType>(dtype));
  if (!context.shape(0).has_rank()) return OkStatus();
  if (context.shape(0).rank() != 2) return Fail("[ShapeInferenceError] Input tensor must be 2-dimensional");
  context.SetShape(0, context.shape(0));
  return OkStatus();
}

Status Run(const void* state, RunContext& context) {
  const int64_t k = *static_cast<const int64_t*>(state);
  const TensorRef& out = context.output(0);
  if (out.rank() != 2)
    return InvalidArgument("EyeLike: the input must be a matrix, got {}", DimsText(out.dims));
  return WithNumberType(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    T* y = out.As<T>();
    std::memset(static_cast<void*>(y), 0, out.bytes());
    const int64_t rows = out.dims[0], columns = out.dims[1];
    if (k >= columns || k <= -rows) return OkStatus();
    for (int64_t i = k < 0 ? -k : 0; i < rows && i + k < columns; ++i)
      y[i * columns + i + k] = T(WideNumber<T>{1});
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  prepared->state = std::make_shared<const int64_t>(context.node.attributes.Int("k", 0));
  prepared->run = Run;
  prepared->kernel = "eye";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {9, 22};
constexpr FormalParameter kInputs[] = {{"input", "T1"}};
constexpr FormalParameter kOutputs[] = {{"output", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", kNumericTypes | SetOf(DType::kBool)},
                                     {"T2", kNumericTypes | SetOf(DType::kBool)}};
constexpr AttributeSpec kAttributes[] = {{"dtype", AttributeType::kInt}, {"k", AttributeType::kInt}};

}  // namespace

extern const OpDef kEyeLike;
constexpr OpDef kEyeLike{.domain = "",
                         .name = "EyeLike",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .attributes = kAttributes,
                         .infer = Infer,
                         .prepare = Prepare};

}  // namespace ortolan
