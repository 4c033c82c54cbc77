// The plain side of the reduce room: what its ISA units and its driver share. Only data and function
// pointers.
#pragma once

#include <cstdint>

#include "base/cpu.h"

namespace ortolan::kernels {

// What is done with each element on its way into the accumulator.
enum class Fold : uint8_t { kSum, kSumAbs, kSumSquare, kSumExp, kMax, kMin, kProduct };

// The float kernels of one ISA. Sums of a block of at most a few thousand elements are taken in float vectors
// and blocks are added in double, which is more exact than a float sum in order and costs nothing. kSumExp
// sums exp(x - shift). kMax and kMin give NaN where there is one. kProduct has no vector form.
struct ReduceF32Variant {
  const char* name;
  Isa isa;
  // The fold of x[0..count).
  double (*row)(Fold fold, const float* x, int64_t count, float shift);
  // accumulators[j] = that and the fold of x[i * stride + j] over i in [0, rows), for j in [0, columns).
  // `shift` has one value a column, or is null.
  void (*columns)(Fold fold, const float* x, int64_t rows, int64_t stride, int64_t columns,
                  const float* shift, double* accumulators);
};

}  // namespace ortolan::kernels
