// Attention of single queries over rows of keys and values that stand anywhere: in pages, in quantized
// caches, in lists of selected places. For the operators whose keys are no block of memory; dense ones use
// kernels/attention.
#pragma once

#include <vector>

#include "base/function_ref.h"
#include "ops/op.h"

namespace ortolan {

struct RowScores {
  float scale = 1, softcap = 0;
  bool sink = false;  // one more score, which has no value
  float sink_score = 0;
};

// y[value_size] = softmax(scale * q . key(i)) * value(i) over i in [0, count); zeros where there is nothing
// to see. key and value write row i as floats.
void AttendRows(const float* q, int64_t size, int64_t value_size, int64_t count, const RowScores& form,
                FunctionRef<void(int64_t i, float* to)> key, FunctionRef<void(int64_t i, float* to)> value,
                float* y);

// How heads are made ready: RMS normalization, then rotation of the channels from `offset` on.
struct HeadForm {
  int64_t size = 0;
  const float* norm = nullptr;  // weights, or null
  float epsilon = 1e-6f;
  const float *cosine = nullptr, *sine = nullptr;  // (positions, half), or null
  int64_t half = 0, offset = 0, positions = 0;
  bool interleaved = false;
};
// position: below `positions`, which the caller has checked.
void MakeHead(const HeadForm& form, const float* from, int64_t position, float* to);

// A cache of rows of numbers, which may have fewer bits and scales.
struct CacheRows {
  DType dtype =
      DType::kFloat;    // float, half types, int8, float8e4m3fn; uint8 for two numbers of 4 bits in a byte
  bool float4 = false;  // these are e2m1
  int64_t size = 0;     // numbers in a row
  void* data = nullptr;
  const float* scales = nullptr;  // one, or for each head and channel
  bool by_channel = false;
  int64_t heads = 1;
  bool biased4 = false;  // integers of 4 bits stand with 8 added to them

  int64_t row_bytes() const;
  void Read(int64_t row, int64_t head, float* to) const;
  void Write(int64_t row, int64_t head, const float* from) const;
};

}  // namespace ortolan
