#include "ops/quant/product_scales.h"

#include <algorithm>

namespace ortolan::quant {
namespace {

float* OwnScratch(const IntegerMatMulBinding& binding, const RunContext& context) {
  return reinterpret_cast<float*>(context.scratch() + binding.own_offset);
}

}  // namespace

Result<float> OneScale(const RunContext& context, size_t input) {
  const TensorRef& tensor = context.input(input);
  if (tensor.count() != 1)
    return InvalidArgument("input {} has shape {}, expected one element", input, DimsText(tensor.dims));
  return *tensor.As<const float>();
}

Result<float*> ColumnScales(const IntegerMatMul& state, const IntegerMatMulBinding& binding,
                            const RunContext& context, size_t b_scale, float factor, float divisor) {
  const int64_t n = binding.sizes.n, padded = PaddedColumns(state, n);
  const TensorRef& tensor = context.input(b_scale);
  if (tensor.count() != 1 && tensor.count() != n) {
    return InvalidArgument("input {} has shape {}, expected one element or {}", b_scale,
                           DimsText(tensor.dims), n);
  }
  const auto* scales = tensor.As<const float>();
  const bool one = tensor.count() == 1;
  float* to = OwnScratch(binding, context);
  for (int64_t j = 0; j < padded; ++j) to[j] = j < n ? factor * scales[one ? 0 : j] / divisor : 0;
  return to;
}

Result<const float*> ColumnBias(const IntegerMatMul& state, const IntegerMatMulBinding& binding,
                                const RunContext& context, size_t bias) {
  if (!context.HasInput(bias)) return nullptr;
  const int64_t n = binding.sizes.n, padded = PaddedColumns(state, n);
  const TensorRef& tensor = context.input(bias);
  if (tensor.count() != n)
    return InvalidArgument("the bias has shape {}, expected {} elements", DimsText(tensor.dims), n);
  float* to = OwnScratch(binding, context) + padded;
  std::copy_n(tensor.As<const float>(), n, to);
  std::fill(to + n, to + padded, 0.0f);
  return to;
}

}  // namespace ortolan::quant
