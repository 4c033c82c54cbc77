#include "value/dims.h"

#include <fmt/ranges.h>

namespace ortolan {
namespace {
constexpr int64_t kMostElements = int64_t{1} << 62;
}

int64_t ElementCount(std::span<const int64_t> dims) {
  int64_t count = 1;
  for (int64_t dim : dims) count *= dim;
  return count;
}

std::optional<int64_t> CheckedCount(std::span<const int64_t> dims) {
  // Sizes multiply even where another dimension is zero, so that a later reshape or stride cannot overflow
  // either.
  int64_t count = 1;
  bool zero = false;
  for (int64_t dim : dims) {
    if (dim < 0) return std::nullopt;
    if (dim == 0) {
      zero = true;
      continue;
    }
    if (count > kMostElements / dim) return std::nullopt;
    count *= dim;
  }
  return zero ? 0 : count;
}

Result<size_t> CheckedBytes(DType dtype, std::span<const int64_t> dims) {
  const std::optional<int64_t> count = CheckedCount(dims);
  if (!count)
    return InvalidArgument("A tensor of shape {} is too large or has a negative dimension", DimsText(dims));
  const int64_t bits = DTypeBits(dtype);
  if (bits > 0 && *count > kMostElements / bits) {
    return InvalidArgument("A tensor of shape {} is too large", DimsText(dims));
  }
  return DTypeBytes(dtype, *count);
}

Dims RowMajorStrides(std::span<const int64_t> dims) {
  Dims strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

std::optional<Dims> BroadcastDims(std::span<const int64_t> a, std::span<const int64_t> b) {
  const size_t rank = std::max(a.size(), b.size());
  Dims out(rank, 1);
  for (size_t i = 0; i < rank; ++i) {  // counted from the last axis
    const int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) return std::nullopt;
    out[rank - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

Result<int64_t> NormalizeAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank) {
    return InvalidArgument("axis {} is not in valid range [-{},{}]", axis, rank, rank - 1);
  }
  return axis < 0 ? axis + rank : axis;
}

std::string DimsText(std::span<const int64_t> dims) {
  return fmt::format("{{{}}}", fmt::join(dims, ","));
}

}  // namespace ortolan
