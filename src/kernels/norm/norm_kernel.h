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

// Scores of a few rows and a block of their keys on their way to values: each becomes e^(score - most) in
// place, with the largest score and the sum of each row carried from block to block. Where a later block has
// a larger one, what the earlier ones brought is made smaller.
struct ScoreBlock {
  float* scores;
  int64_t stride;  // from row to row
  int64_t rows;
  int64_t width;         // of a row; zeros are written outside of what it sees
  const int64_t* begin;  // of what each row sees, 0 <= begin <= end <= width
  const int64_t* end;
  const float* const* mask;  // of each row, added to score * scale: first that of element 0; or null
  float scale;               // above 0
  float* most;               // of each row, by the same measure as its scores; minus infinity at first
  float* sum;                // zero at first
  float* values;             // rows of values * probability so far, or null in the first block
  int64_t values_stride;
  int64_t value_size;
};

// What ends it: values / sum.
struct ValueRows {
  float* values;
  int64_t stride;
  int64_t rows;
  int64_t size;
  const float* sum;
  float unseen;      // what a row holds afterwards whose sum is zero: 0 or NaN
  bool nan_is_zero;  // rows whose sum is NaN become zeros
};

// The float kernels of one ISA. y may be x everywhere.
struct NormF32Variant {
  const char* name;
  Isa isa;
  // Softmax (or its logarithm) of rows of `count` adjacent elements.
  void (*softmax_rows)(const float* x, float* y, int64_t rows, int64_t count, bool log);
  // Errors of up to 5e-7, and 7e-8 for each unit that a score is below the largest; zero from 88 below on.
  void (*softmax_scores)(const ScoreRows& work);
  // The same errors.
  void (*softmax_block)(const ScoreBlock& work);
  void (*divide_values)(const ValueRows& work);
  // The largest size of rows of adjacent numbers; infinity where one of them is infinite or NaN.
  float (*largest_size)(const float* x, int64_t rows, int64_t stride, int64_t columns);
  // Makes [begin, end) smaller by what lies below `least` at its ends; NaN does not.
  void (*cut_ends)(const float* x, float least, int64_t* begin, int64_t* end);
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
