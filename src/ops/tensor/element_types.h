// Calls a template with the C++ type of an element type: how rooms without a vector kernel dispatch.
#pragma once

#include <string>
#include <type_traits>

#include "base/half.h"
#include "base/status.h"
#include "value/dtype.h"

namespace ortolan {

template <typename T>
struct ElementTag {
  using Type = T;
};

struct Element16 {  // of 16 bytes, for movement
  uint64_t words[2];
};

template <typename Real>
struct ComplexElement {
  Real real, imaginary;
};

// call(ElementTag<T>) for the unsigned type of the element's width, std::string for strings. kNotImplemented
// for packed types.
template <typename Call>
Status WithMovedType(DType dtype, Call call) {
  if (dtype == DType::kString) return call(ElementTag<std::string>());
  switch (DTypeBits(dtype)) {
    case 8:
      return call(ElementTag<uint8_t>());
    case 16:
      return call(ElementTag<uint16_t>());
    case 32:
      return call(ElementTag<uint32_t>());
    case 64:
      return call(ElementTag<uint64_t>());
    case 128:
      return call(ElementTag<Element16>());
    default:
      return NotImplemented("elements of type {} cannot be moved one by one", DTypeName(dtype));
  }
}

// call(ElementTag<T>) for numbers; bool is uint8_t. kNotImplemented for others.
template <typename Call>
Status WithNumberType(DType dtype, Call call) {
  switch (dtype) {
    case DType::kFloat:
      return call(ElementTag<float>());
    case DType::kDouble:
      return call(ElementTag<double>());
    case DType::kFloat16:
      return call(ElementTag<Float16>());
    case DType::kBFloat16:
      return call(ElementTag<BFloat16>());
    case DType::kInt8:
      return call(ElementTag<int8_t>());
    case DType::kBool:
    case DType::kUInt8:
      return call(ElementTag<uint8_t>());
    case DType::kInt16:
      return call(ElementTag<int16_t>());
    case DType::kUInt16:
      return call(ElementTag<uint16_t>());
    case DType::kInt32:
      return call(ElementTag<int32_t>());
    case DType::kUInt32:
      return call(ElementTag<uint32_t>());
    case DType::kInt64:
      return call(ElementTag<int64_t>());
    case DType::kUInt64:
      return call(ElementTag<uint64_t>());
    default:
      return NotImplemented("type {}", DTypeName(dtype));
  }
}

// The same, for strings and complex numbers too.
template <typename Call>
Status WithAnyType(DType dtype, Call call) {
  if (dtype == DType::kString) return call(ElementTag<std::string>());
  if (dtype == DType::kComplex64) return call(ElementTag<ComplexElement<float>>());
  if (dtype == DType::kComplex128) return call(ElementTag<ComplexElement<double>>());
  return WithNumberType(dtype, call);
}

// The type that numbers of type T are compared and summed in.
template <typename T>
using WideNumber = std::conditional_t<std::is_arithmetic_v<T>, T, float>;

template <typename T>
WideNumber<T> AsNumber(T item) {
  return static_cast<WideNumber<T>>(item);
}

}  // namespace ortolan
