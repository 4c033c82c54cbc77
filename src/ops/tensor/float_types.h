// Calls a template with the C++ type of a float element type: how rooms without a vector kernel dispatch
// where integers make no sense. WideNumber (element_types.h) is what they compute in.
#pragma once

#include <limits>

#include "ops/tensor/element_types.h"
#include "value/dims.h"
#include "value/tensor.h"

namespace ortolan {

// call(ElementTag<T>) for float, double and the half types. kNotImplemented for others.
template <typename Call>
Status WithFloatType(DType dtype, Call call) {
  switch (dtype) {
    case DType::kFloat:
      return call(ElementTag<float>());
    case DType::kDouble:
      return call(ElementTag<double>());
    case DType::kFloat16:
      return call(ElementTag<Float16>());
    case DType::kBFloat16:
      return call(ElementTag<BFloat16>());
    default:
      return NotImplemented("type {}", DTypeName(dtype));
  }
}

// A number as an element of type T; halves round from float, integers take what is beyond them as their
// limits and NaN as zero.
template <typename T>
T StoredNumber(double number) {
  if constexpr (std::is_integral_v<T>) {
    if (!(number > static_cast<double>(std::numeric_limits<T>::min())))
      return number != number ? T{0} : std::numeric_limits<T>::min();
    if (number >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
  }
  if constexpr (std::is_arithmetic_v<T>)
    return static_cast<T>(number);
  else
    return T(static_cast<float>(number));
}

// kInvalidArgument where a tensor that a run was given has other dims than the other inputs ask for.
inline Status ExpectDims(const TensorRef& tensor, const Dims& expected, std::string_view what) {
  if (tensor.dims == expected) return OkStatus();
  return InvalidArgument("{} has shape {}, expected {}", what, DimsText(tensor.dims), DimsText(expected));
}

}  // namespace ortolan
