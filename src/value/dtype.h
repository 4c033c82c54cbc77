// Element types. The numbers are those of onnx.TensorProto.DataType, so nothing has to be translated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/half.h"

namespace ortolan {

enum class DType : uint8_t {
  kUndefined = 0,
  kFloat = 1,
  kUInt8 = 2,
  kInt8 = 3,
  kUInt16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUInt32 = 12,
  kUInt64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBFloat16 = 16,
  kFloat8E4M3FN = 17,
  kFloat8E4M3FNUZ = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2FNUZ = 20,
  kUInt4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
  kFloat8E8M0 = 24,
  kUInt2 = 25,
  kInt2 = 26,
  kFloat6E2M3 = 27,
  kFloat6E3M2 = 28,
};
inline constexpr int kDTypeCount = 29;

// Bits of one element as stored: 4 and 2 for the packed types; strings count as sizeof(std::string) each. The
// floats of 6 bits take a byte each, as numpy keeps them; files pack them (model/six_bits.h).
int DTypeBits(DType dtype);
// Bytes of `count` elements as stored, packed types rounded up to whole bytes. No overflow check: see
// CheckedBytes.
size_t DTypeBytes(DType dtype, int64_t count);
// "float", "int64", "string": as it stands in "tensor(float)".
std::string_view DTypeName(DType dtype);
bool IsDefined(int onnx_number);  // whether a number read from a file is a type of ours
bool IsFloating(DType dtype);     // every float form, complex excluded
bool IsInteger(DType dtype);      // bool excluded
constexpr bool IsSixBit(DType dtype) {
  return dtype == DType::kFloat6E2M3 || dtype == DType::kFloat6E3M2;
}

// A set of types as bits.
using DTypeSet = uint32_t;
constexpr DTypeSet SetOf() {
  return 0;
}
template <typename... Rest>
constexpr DTypeSet SetOf(DType first, Rest... rest) {
  return (DTypeSet{1} << static_cast<int>(first)) | SetOf(rest...);
}
constexpr bool Contains(DTypeSet set, DType dtype) {
  return (set >> static_cast<int>(dtype)) & 1;
}

// The types of 8 bits and less that no kernel computes with: conversions read and write them, and what moves
// elements moves them. Many operators' schemas leave them out.
inline constexpr DTypeSet kSmallFloats =
    SetOf(DType::kFloat8E4M3FN, DType::kFloat8E4M3FNUZ, DType::kFloat8E5M2, DType::kFloat8E5M2FNUZ,
          DType::kFloat4E2M1, DType::kFloat8E8M0, DType::kFloat6E2M3, DType::kFloat6E3M2);
inline constexpr DTypeSet kPackedIntegers = SetOf(DType::kInt4, DType::kUInt4, DType::kInt2, DType::kUInt2);
inline constexpr DTypeSet kLowBitTypes = kSmallFloats | kPackedIntegers;

template <typename T>
inline constexpr DType kDTypeOf = DType::kUndefined;
template <>
inline constexpr DType kDTypeOf<float> = DType::kFloat;
template <>
inline constexpr DType kDTypeOf<double> = DType::kDouble;
template <>
inline constexpr DType kDTypeOf<uint8_t> = DType::kUInt8;
template <>
inline constexpr DType kDTypeOf<int8_t> = DType::kInt8;
template <>
inline constexpr DType kDTypeOf<uint16_t> = DType::kUInt16;
template <>
inline constexpr DType kDTypeOf<int16_t> = DType::kInt16;
template <>
inline constexpr DType kDTypeOf<uint32_t> = DType::kUInt32;
template <>
inline constexpr DType kDTypeOf<int32_t> = DType::kInt32;
template <>
inline constexpr DType kDTypeOf<uint64_t> = DType::kUInt64;
template <>
inline constexpr DType kDTypeOf<int64_t> = DType::kInt64;
template <>
inline constexpr DType kDTypeOf<bool> = DType::kBool;
template <>
inline constexpr DType kDTypeOf<Float16> = DType::kFloat16;
template <>
inline constexpr DType kDTypeOf<BFloat16> = DType::kBFloat16;

}  // namespace ortolan
