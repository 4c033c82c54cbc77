// The plain side of the support vector room: what its ISA units and svm.cc share.
#pragma once

#include <cstdint>

#include "base/cpu.h"

namespace ortolan::kernels {

// Vectors that stand together: the lanes of the widest vector of floats.
inline constexpr int kSvmLanes = 16;
// Rows that share a pass over the vectors.
inline constexpr int kSvmRows = 4;

enum class SvmFunction : uint8_t {
  kDot,      // x . v
  kAffine,   // gamma * x . v + shift
  kTanh,     // tanh(gamma * x . v + shift)
  kGaussian  // exp(-gamma * |x - v|^2)
};

struct SvmProblem {
  const float* vectors;  // [block][feature][kSvmLanes], the last block filled up with zeros
  int64_t blocks;
  int64_t features;
  SvmFunction function;
  float gamma, shift;
};

struct SvmVariant {
  const char* name;
  Isa isa;
  // The function of `rows` (1 to kSvmRows) rows of x, one behind the other, with every vector:
  // y[row * blocks * kSvmLanes + vector].
  void (*run)(const SvmProblem& problem, const float* x, int64_t rows, float* y);
};

}  // namespace ortolan::kernels
