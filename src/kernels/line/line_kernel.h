// The plain side of the line room: what its ISA units and its callers share. Only data and function pointers.
#pragma once

#include <cstdint>

#include "base/cpu.h"

namespace ortolan::kernels {

// Boxes of two corners and their areas, each coordinate a line of its own.
struct BoxLines {
  const float *x1, *y1, *x2, *y2, *area;
};

// A matrix of keys times values that decays, takes in a row and is read, row by row:
//   state[d][m] = decay[d] * state[d][m] + key[d] * value[m];  out[m] = sum over d of query[d] * state[d][m].
struct StateStep {
  float* state;
  int64_t keys, values;
  const float *decay, *key, *value, *query;
  float* out;
};

struct LineKernels {
  const char* name;
  Isa isa;
  // y[r * stride + i] -= factors[r] * x[i] for r < rows and i < n; rows of y may not meet x or the factors.
  void (*eliminate)(const double* factors, const double* x, double* y, int64_t rows, int64_t stride,
                    int64_t n);
  // y[i] = sum over r < rows of factors[r] * x[r * n + i].
  void (*combine)(const float* factors, const float* x, int64_t rows, int64_t n, float* y);
  void (*step_state)(const StateStep& step);
  // y[i] = (add ? y[i] : 0) + sum over r < count of weights[r] * rows[r][i].
  void (*blend)(const float* const* rows, const float* weights, int64_t count, int64_t n, bool add, float* y);
  // Whether a box shares with one of the first `count` more than `threshold` of what both cover.
  bool (*overlaps)(const BoxLines& boxes, int64_t count, const float* box, float area, float threshold);
};

}  // namespace ortolan::kernels
