// Reductions over any set of axes, for every element type. PlanReduce brings the axes into one of two forms,
// contiguous rows or columns side by side, and cuts the work; RunReduce does it. The cut depends on the shape
// alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/half.h"
#include "base/small_vector.h"
#include "kernels/reduce/reduce_kernel.h"
#include "threads/pool.h"

namespace ortolan::kernels {

enum class ReduceKind : uint8_t {
  kSum,
  kMean,
  kMax,
  kMin,
  kProduct,
  kL1,
  kL2,
  kLogSum,
  kLogSumExp,
  kSumSquare
};

struct ReducePlan {
  using Extents = SmallVector<int64_t, 6>;
  // Loops around the innermost two axes. Offsets are in elements of the input.
  Extents kept_dims, kept_strides;        // outer axes of the output, outermost first
  Extents reduced_dims, reduced_strides;  // outer axes that are reduced
  int64_t kept_count = 1, reduced_count = 1;
  int64_t rows = 1;     // the innermost reduced axis
  int64_t columns = 1;  // 1: elements of a row are adjacent; otherwise rows are this far apart
  int64_t outputs = 0;  // kept_count * columns
  int64_t reduced = 1;  // elements that go into one output
  int64_t piece_rows = 1,
          pieces = 1;  // the rows cut, so that few outputs still make work for several threads
  bool split = false;  // partial results go through scratch
  size_t ScratchBytes() const;
};

// reduced[i] says whether axis i is reduced. may_split: the caller can give scratch.
ReducePlan PlanReduce(std::span<const int64_t> dims, std::span<const bool> reduced, bool may_split);

// The best variant that runs on `isa`, and all of them, best first.
const ReduceF32Variant& SelectReduceF32(Isa isa);
std::span<const ReduceF32Variant* const> AllReduceF32();

// out has plan.outputs elements. T: float, double, Float16, BFloat16 and the integers of 8, 32 and 64 bits.
// The variant serves float only. Sums of integers wrap.
template <typename T>
void RunReduce(ReduceKind kind, const ReducePlan& plan, const ReduceF32Variant& variant, const T* in, T* out,
               std::byte* scratch, ThreadPool& threads);

}  // namespace ortolan::kernels
