// Dims: the concrete shape of a tensor, and the arithmetic that shapes need. A file or a user may claim any
// size, so every product that leads to an allocation is checked.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/small_vector.h"
#include "base/status.h"
#include "value/dtype.h"

namespace ortolan {

// Rank up to 6 without allocation; rank 0 is a scalar.
using Dims = SmallVector<int64_t, 6>;

// The product; 1 for a scalar. Only for dims that came through CheckedCount or from inference over such.
int64_t ElementCount(std::span<const int64_t> dims);
// The product, or nothing where a dimension is negative or the product exceeds 2^62.
std::optional<int64_t> CheckedCount(std::span<const int64_t> dims);
// Bytes of a tensor; kInvalidArgument where CheckedCount has nothing or the bytes exceed 2^62.
Result<size_t> CheckedBytes(DType dtype, std::span<const int64_t> dims);

// Element strides of a dense row-major tensor.
Dims RowMajorStrides(std::span<const int64_t> dims);

// The numpy broadcast of two shapes, or nothing where they do not fit.
std::optional<Dims> BroadcastDims(std::span<const int64_t> a, std::span<const int64_t> b);

// An axis of ONNX, negative counting from the end, as 0..rank-1; kInvalidArgument where it is outside [-rank,
// rank).
Result<int64_t> NormalizeAxis(int64_t axis, int64_t rank);

// "{2,3}", as onnxruntime writes shapes in messages.
std::string DimsText(std::span<const int64_t> dims);

}  // namespace ortolan
