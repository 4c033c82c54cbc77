// Element types of 8 bits and less that no kernel computes with: the small floats and the packed integers of
// 4 and 2 bits. They are read and written through float or int64, in ranges.
#pragma once

#include <cstdint>

#include "base/small_float.h"
#include "base/status.h"
#include "value/tensor.h"

namespace ortolan {

// Packed elements share bytes: ranges that different threads write begin at a multiple of this.
inline constexpr int64_t kMostPacked = 4;

// How numbers become elements of a low-bit type.
struct LowBitRounding {
  bool saturate = true;  // small floats; packed integers keep their low bits
  PowerRounding power = PowerRounding::kUp;
};

// One element of a packed type to a byte, sign-extended for the signed integers; begin counts elements.
void UnpackElements(DType dtype, const void* packed, int64_t begin, int64_t count, uint8_t* bytes);
void PackElements(DType dtype, const uint8_t* bytes, int64_t begin, int64_t count, void* packed);

// Copies a range of elements of any one type. Neighbours in the first and last byte of a packed range stay as
// they are, so a new tensor of a packed type is cleared before it is filled range by range.
void CopyRange(const TensorRef& from, int64_t from_at, const TensorRef& to, int64_t to_at, int64_t count);
// Zeroes a tensor of a packed type; others are left alone.
void ClearPacked(const TensorRef& tensor);

// Elements [begin, begin + count) of any numeric type, bool included, as numbers and back. Into float, double
// is rounded to odd, so that a second rounding to a small float gives what one rounding would have given.
Status ReadFloats(const TensorRef& from, int64_t begin, int64_t count, float* to);
Status WriteFloats(const float* from, const TensorRef& to, int64_t begin, int64_t count,
                   const LowBitRounding& rounding);
// The integer types and bool alone.
Status ReadInts(const TensorRef& from, int64_t begin, int64_t count, int64_t* to);
Status WriteInts(const int64_t* from, const TensorRef& to, int64_t begin, int64_t count);

}  // namespace ortolan
