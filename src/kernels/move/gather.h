// Gather along one axis: out[o][i] = data[o][index[i]], an item being a block of contiguous elements.
#pragma once

#include <cstdint>
#include <optional>

#include "threads/pool.h"

namespace ortolan::kernels {

struct GatherProblem {
  int64_t outer = 1;  // product of the axes before the gathered one
  int64_t axis = 1;   // size of the gathered axis
  int64_t count = 0;  // indices
  int64_t block = 1;  // elements of an item
  int width = 1;      // bytes of an element, kStringWidth for strings
};

// Whether all of them are in [-axis, axis), without a branch for each: a sum out of [0, 2 * axis) has a sign
// itself or below the largest.
template <typename Index>
bool AllWithin(const Index* indices, int64_t count, int64_t axis) {
  const uint64_t size = static_cast<uint64_t>(axis);
  uint64_t outside = 0;
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t moved = static_cast<uint64_t>(static_cast<int64_t>(indices[i])) + size;
    outside |= moved | (2 * size - 1 - moved);
  }
  return static_cast<int64_t>(outside) >= 0;
}

// The first index outside [-axis, axis), or nothing. Index is int32_t or int64_t.
template <typename Index>
std::optional<int64_t> FindBadIndex(const Index* indices, int64_t count, int64_t axis) {
  if (AllWithin(indices, count, axis)) return std::nullopt;
  for (int64_t i = 0; i < count; ++i) {
    if (indices[i] < -axis || indices[i] >= axis) return static_cast<int64_t>(indices[i]);
  }
  return std::nullopt;
}

// Indices must have passed FindBadIndex.
void Gather(const GatherProblem& problem, const void* data, const int64_t* indices, void* out,
            ThreadPool& threads);
void Gather(const GatherProblem& problem, const void* data, const int32_t* indices, void* out,
            ThreadPool& threads);

}  // namespace ortolan::kernels
