// What pictures and detectors' scores spend their time in: rows of 8-bit samples reduced, resized and spread
// to planes of floats, and the best of many rows of scores. vision/ drives it. Plain, because ISA units
// include it.
//
// All of it is exact: every level gives the same bits.
#pragma once

#include <cstdint>

#include "base/cpu.h"

namespace ortolan::image {

// The bits of a weight's fraction: a weighted sum of 8-bit samples fits 32 signed bits with 2 to spare.
inline constexpr int kWeightBits = 32 - 8 - 2;

// A plane's number: (sample * scale - mean) / deviation, in single precision.
struct PlaneScale {
  float scale;
  float mean[3];
  float deviation[3];
};

struct SampleKernels {
  const char* name;
  Isa isa;

  // `count` pixels, RGB, to a row of each plane.
  void (*to_planes)(const uint8_t* rgb, int64_t count, const PlaneScale& scale, float* r, float* g, float* b);

  // Averages of 2 x 2 pixels, rounded up from a half: `count` pixels of two rows that have twice as many.
  void (*halve)(const uint8_t* upper, const uint8_t* lower, int64_t count, uint8_t* out);

  // sums[i] += row[i], i < count.
  void (*add_row)(const uint8_t* row, int64_t count, uint32_t* sums);

  // out[i] = the sum over k < taps of weights[k] * rows[k][i], rounded and cut to 8 bits; i < count.
  void (*mix_rows)(const uint8_t* const* rows, const int32_t* weights, int64_t taps, int64_t count,
                   uint8_t* out);

  // `count` pixels, each a weighted sum of counts[x] pixels from first[x] on, the weights `stride` apart.
  // `in` has `in_count` pixels.
  void (*resize_row)(const uint8_t* in, int64_t in_count, const int* first, const int* counts,
                     const int32_t* weights, int64_t stride, int64_t count, uint8_t* out);

  // best[i] = the largest of rows 0..rows-1 at i, `stride` apart; NaN in row 0 stays, in others it is passed
  // over.
  void (*best_of_rows)(const float* scores, int64_t rows, int64_t stride, int64_t count, float* best);
};

// The best that runs on `isa`.
const SampleKernels& SelectSampleKernels(Isa isa);

}  // namespace ortolan::image
