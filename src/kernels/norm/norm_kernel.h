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

// Scores of attention that become probabilities in place: softmax of scores + mask.
struct ScoreRows {
  float* scores;
  int64_t stride;     // from row to row
  const float* mask;  // or null: none
  int64_t mask_stride;
  int64_t rows;
  int64_t count;
  float unseen;      // what a row holds afterwards whose scores are all minus infinity: 0 or NaN
  bool nan_is_zero;  // rows with a NaN become zeros
};

// The float kernels of one ISA. y may be x everywhere.
struct NormF32Variant {
  const char* name;
  Isa isa;
  // Softmax (or its logarithm) of rows of `count` adjacent elements.
  void (*softmax_rows)(const float* x, float* y, int64_t rows, int64_t count, bool log);
  // Errors of up to 5e-7, and 7e-8 for each unit that a score is below the largest; zero from 87 below on.
  void (*softmax_scores)(const ScoreRows& work);
  // The softmax of columns: element i of column j stands at i * stride + j.
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
