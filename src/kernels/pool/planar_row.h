// What the row kernels of planar pools are given. Plain, because ISA units include it.
#pragma once

#include <cstdint>

namespace ortolan::kernels {

// The most elements of a padded input line that a row kernel holds on its stack: 4 KB of floats.
inline constexpr int64_t kPlanarSpan = 1024;

// A stretch of one output row of one plane. Lines of the window are reduced into one line first, the taps of
// that line next; what lies beyond the input stands in the line as the reduction's neutral element.
struct PlanarRow {
  const void* in = nullptr;              // column 0 of the first live input row
  int64_t slices = 0, slice_stride = 0;  // live depth taps; strides in elements
  int64_t rows = 0, row_stride = 0;      // live row taps
  int64_t width = 0;                     // of an input row
  int64_t first = 0;                     // input column of the first output's first tap; may be negative
  int64_t span = 0;                      // columns that the stretch meets, at most kPlanarSpan
  int64_t stride = 1, dilation = 1, taps = 1;
  int64_t count = 0;  // outputs
  void* out = nullptr;
  // Averages: what the mean of each output counts, along this axis and along the others.
  const float* counts = nullptr;
  float outer = 1;
};

// One function for each element type that a planar pool has.
struct PlanarPools {
  void (*max_float)(const PlanarRow& row);
  void (*max_double)(const PlanarRow& row);
  void (*max_int8)(const PlanarRow& row);
  void (*max_uint8)(const PlanarRow& row);
  void (*max_int32)(const PlanarRow& row);
  void (*average_float)(const PlanarRow& row);
  void (*average_double)(const PlanarRow& row);
  float (*max_run)(const float* x, int64_t count, float best);  // of adjacent elements
};

}  // namespace ortolan::kernels
