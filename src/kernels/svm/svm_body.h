// The kernel functions of a few rows with all support vectors, once for the ISA that this unit is compiled
// for.
#pragma once

#include "kernels/svm/svm_kernel.h"
#include "simd/math.h"

namespace ortolan::kernels {
namespace {

constexpr int kParts = kSvmLanes / kLanes;

inline F32 Finished(const SvmProblem& problem, F32 sum) {
  switch (problem.function) {
    case SvmFunction::kGaussian:
      return Exp(sum * Set(-problem.gamma));
    case SvmFunction::kAffine:
      return sum * Set(problem.gamma) + Set(problem.shift);
    case SvmFunction::kTanh:
      return Tanh(sum * Set(problem.gamma) + Set(problem.shift));
    default:
      return sum;
  }
}

template <int kRows, bool kDistance>
inline void RunRows(const SvmProblem& problem, const float* x, float* y) {
  const int64_t stride = problem.blocks * kSvmLanes;
  const float* vectors = problem.vectors;
  for (int64_t block = 0; block < problem.blocks; ++block) {
    F32 sums[kRows][kParts];
    for (int r = 0; r < kRows; ++r)
      for (int p = 0; p < kParts; ++p) sums[r][p] = Zero();
    for (int64_t f = 0; f < problem.features; ++f, vectors += kSvmLanes) {
      for (int p = 0; p < kParts; ++p) {
        const F32 vector = Load(vectors + p * kLanes);
        for (int r = 0; r < kRows; ++r) {
          const F32 item = Set(x[r * problem.features + f]);
          if (kDistance) {
            const F32 difference = item - vector;
            sums[r][p] = Fma(difference, difference, sums[r][p]);
          } else {
            sums[r][p] = Fma(item, vector, sums[r][p]);
          }
        }
      }
    }
    for (int r = 0; r < kRows; ++r)
      for (int p = 0; p < kParts; ++p)
        Store(y + r * stride + block * kSvmLanes + p * kLanes, Finished(problem, sums[r][p]));
  }
}

template <bool kDistance>
inline void RunAny(const SvmProblem& problem, const float* x, int64_t rows, float* y) {
  if (rows == kSvmRows) return RunRows<kSvmRows, kDistance>(problem, x, y);
  for (int64_t r = 0; r < rows; ++r)
    RunRows<1, kDistance>(problem, x + r * problem.features, y + r * problem.blocks * kSvmLanes);
}

void Run(const SvmProblem& problem, const float* x, int64_t rows, float* y) {
  if (problem.function == SvmFunction::kGaussian) {
    RunAny<true>(problem, x, rows, y);
  } else {
    RunAny<false>(problem, x, rows, y);
  }
}

}  // namespace
}  // namespace ortolan::kernels
