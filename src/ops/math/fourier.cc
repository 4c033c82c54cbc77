#include "ops/math/fourier.h"

#include <algorithm>
#include <new>

#include "ops/axes.h"

namespace ortolan::math {

Result<int64_t> IntScalar(const TensorRef& tensor, std::string_view what) {
  if (tensor.count() != 1) {
    return InvalidArgument("{} must be a scalar, got a tensor of shape {}", what, DimsText(tensor.dims));
  }
  const Dims ints = IntsOf(tensor);
  if (ints.size() != 1) return InvalidArgument("{} must be an int32 or int64", what);
  return ints[0];
}

Result<std::optional<int64_t>> ConstantIntScalar(const PrepareContext& context, size_t input,
                                                 std::string_view what) {
  const Tensor* constant = context.Constant(input);
  if (constant == nullptr || !constant->HasElements()) return std::optional<int64_t>();
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t value, IntScalar(constant->ref(), what));
  return std::optional<int64_t>(value);
}

Result<std::optional<graph::Dim>> IntScalarDim(const InferContext& context, size_t input,
                                               std::string_view what) {
  const auto ints = context.Ints(input);
  if (!ints) return std::optional<graph::Dim>();
  if (ints->size() != 1) return InvalidArgument("{} must be a scalar, got {} elements", what, ints->size());
  return std::optional<graph::Dim>((*ints)[0]);
}

Status CheckLength(int64_t length, std::string_view what) {
  if (length >= 1 && length <= kernels::kMostFftLength) return OkStatus();
  return InvalidArgument("{} is {}, expected 1 to {}", what, length, kernels::kMostFftLength);
}

template <typename Real>
Result<std::shared_ptr<Fourier<Real>>> MakeFourier(int64_t length, bool inverse, int64_t slots) {
  auto fourier = std::make_shared<Fourier<Real>>();
  try {  // the tables are vectors: the one place here where an allocation may throw
    fourier->plan = std::make_unique<const kernels::FftPlan<Real>>(length, inverse);
  } catch (const std::bad_alloc&) {
    return Fail("No memory for a Fourier transform of length {}", length);
  }
  fourier->slots = std::max<int64_t>(1, slots);
  return fourier;
}

namespace {

template <typename Real>
Status BindTyped(int64_t length, bool inverse, int64_t slots, Binding* binding) {
  ORTOLAN_ASSIGN_OR_RETURN(std::shared_ptr<Fourier<Real>> fourier, MakeFourier<Real>(length, inverse, slots));
  binding->scratch_bytes = fourier->bytes();
  binding->data = std::move(fourier);
  return OkStatus();
}

}  // namespace

Status BindFourier(DType dtype, int64_t length, bool inverse, int64_t slots, Binding* binding) {
  return RunsInDouble(dtype, inverse) ? BindTyped<double>(length, inverse, slots, binding)
                                      : BindTyped<float>(length, inverse, slots, binding);
}

template <typename Real>
Result<std::shared_ptr<const Fourier<Real>>> FourierOf(RunContext& context, int64_t length, bool inverse) {
  const auto* bound = static_cast<const Fourier<Real>*>(context.binding());
  if (bound != nullptr && bound->plan->length() == length) {
    return std::shared_ptr<const Fourier<Real>>(std::shared_ptr<const Fourier<Real>>(), bound);
  }
  ORTOLAN_ASSIGN_OR_RETURN(std::shared_ptr<Fourier<Real>> made, MakeFourier<Real>(length, inverse, 1));
  ORTOLAN_ASSIGN_OR_RETURN(made->memory, AlignedBuffer::Allocate(made->bytes()));
  return std::shared_ptr<const Fourier<Real>>(std::move(made));
}

template Result<std::shared_ptr<const Fourier<float>>> FourierOf(RunContext&, int64_t, bool);
template Result<std::shared_ptr<const Fourier<double>>> FourierOf(RunContext&, int64_t, bool);

}  // namespace ortolan::math
