// The plain side of the norm room: what its ISA units and its drivers share. Only data and function pointers.
#pragma once

#include <cstdint>

#include "base/cpu.h"

namespace ortolan::kernels {

struct LayerNormRow {
  const float* x;
  const float* skip;       // added to x first, or null
  const float* skip_bias;  // added too, or null
  float* sum;              // x + skip + skip_bias is kept here, or null
  const float* scale;      // or null: 1
  const float* bias;       // or null: 0
  float* y;
  int64_t count;
  float epsilon;
  bool center;  // false: root mean square normalisation, no mean is taken out
};

// The float kernels of one ISA. y may be x everywhere.
struct NormF32Variant {
  const char* name;
  Isa isa;
  // Softmax (or its logarithm) of rows of `count` adjacent elements.
  void (*softmax_rows)(const float* x, float* y, int64_t rows, int64_t count, bool log);
  // The same of columns: element i of column j stands at i * stride + j.
  void (*softmax_columns)(const float* x, float* y, int64_t count, int64_t stride, int64_t columns, bool log);
  // y = x * scale + shift with one scale, and with one an element.
  void (*affine)(const float* x, float* y, int64_t count, float scale, float shift);
  void (*affine_each)(const float* x, float* y, int64_t count, const float* scale, const float* shift);
  // One row of layer normalisation; gives the mean and 1 / sqrt(variance + epsilon).
  void (*layer_norm)(const LayerNormRow& row, float* mean, float* inverse_deviation);
  // Mean and biased variance of x[0..count).
  void (*moments)(const float* x, int64_t count, double* mean, double* variance);
};

}  // namespace ortolan::kernels
