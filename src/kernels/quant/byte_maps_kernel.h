// The plain side of the elementwise operators over 8-bit maps: see byte_maps.h.
#pragma once

#include <stdint.h>

#include "base/cpu.h"

namespace ortolan::kernels {

// y = clamp(round(a * a_ratio + (b * b_ratio + fixed))) for a sum, clamp(round((a - a_zero) * (b - b_zero) *
// ratio + y_zero)) for a product; in fused steps as onnxruntime has them. All three are of one type.
struct ByteBinaryFacts {
  bool is_signed;
  bool product;
  float a_ratio, b_ratio, fixed;
  float a_zero, b_zero, ratio, y_zero;
};

struct ByteMaps {
  const char* name;
  Isa isa;
  // b_step 0: one b for all.
  void (*binary)(const ByteBinaryFacts& facts, const uint8_t* a, const uint8_t* b, int64_t b_step, int64_t n,
                 uint8_t* y);
  void (*table)(const uint8_t* table, const uint8_t* x, int64_t n, uint8_t* y);
  // y[i] = the largest x[tap][i].
  void (*largest)(const uint8_t* const* x, int64_t taps, bool is_signed, int64_t n, uint8_t* y);
  // sums[i] += x[i].
  void (*accumulate)(const uint8_t* x, bool is_signed, int64_t n, int32_t* sums);
  // clamp(round(x / scale) + zero); NaN gives the low end.
  void (*quantize)(const float* x, float scale, int32_t zero, bool is_signed, int64_t n, uint8_t* y);
  void (*dequantize)(const uint8_t* x, float scale, int32_t zero, bool is_signed, int64_t n, float* y);
  // The least and the greatest of x and 0.
  void (*range)(const float* x, int64_t n, float* low, float* high);
};

}  // namespace ortolan::kernels
