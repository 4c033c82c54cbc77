// StridedCopy: moves a block of elements between two strided layouts. Transpose, Slice, Expand, Concat,
// Split, Tile, Pad and the space/depth rearrangements are all this one movement with different strides, so
// the work of making it fast (merging axes, memcpy of contiguous runs, blocked transposes, fixed parallel
// chunks) is done once, here.
#pragma once

#include <cstdint>
#include <span>

#include "base/small_vector.h"
#include "threads/pool.h"

namespace ortolan::kernels {

using Extents = SmallVector<int64_t, 6>;

// The `width` of std::string elements, which are assigned one by one. Other widths are 1, 2, 4, 8 and 16
// bytes.
inline constexpr int kStringWidth = 0;

// A copy made ready: axes of size one dropped, axes merged, destination order. Strides are in elements of
// `width`.
struct CopyPlan {
  enum class Kind : uint8_t { kNothing, kRows, kFill, kTiles, kElements };
  Kind kind = Kind::kNothing;
  int width = 1;
  // Loops around the innermost one, outermost first; for kTiles without the tile's own two axes.
  Extents outer_dims, outer_from, outer_to;
  int64_t outer_count = 1;
  int64_t inner_count = 1, inner_from = 1, inner_to = 1;  // the axis along which the destination is written
  int64_t tile_count = 1, tile_to = 0;  // kTiles: the axis along which the source is contiguous
};

// dims, from_strides and to_strides have one entry an axis; source strides may be zero (broadcast) or
// negative, destination strides are positive and address each element once.
CopyPlan PlanCopy(std::span<const int64_t> dims, std::span<const int64_t> from_strides,
                  std::span<const int64_t> to_strides, int width);

// `from` and `to` point at the element with index 0 on every axis and must not overlap.
void RunCopy(const CopyPlan& plan, const void* from, void* to, ThreadPool& threads);

// to[0..bytes) = from[0..bytes), in parallel where that pays.
void CopyBytes(const void* from, void* to, int64_t bytes, ThreadPool& threads);

}  // namespace ortolan::kernels
