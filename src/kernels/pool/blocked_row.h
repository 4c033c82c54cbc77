// What the row kernels of blocked pools are given, and the levels of all pools. Plain, because ISA units
// include it.
#pragma once

#include <cstdint>

#include "base/cpu.h"
#include "kernels/pool/planar_row.h"

namespace ortolan::kernels {

// The live taps of one output column.
struct PoolColumn {
  int64_t first = 0;  // input column of the first
  int64_t taps = 0;
  int64_t divisor = 0;  // how many the mean counts
};

// One output row of one block of channels.
struct PoolRow {
  const float* in = nullptr;             // column 0 of the first live input row
  int64_t slices = 0, slice_stride = 0;  // live depth taps
  int64_t rows = 0, row_stride = 0;      // live row taps
  int64_t tap_stride = 0;                // floats between taps of a row
  int64_t divisor = 0;                   // of depth and rows together
  const PoolColumn* columns = nullptr;
  int64_t pixels = 0;
  float* out = nullptr;
};

struct PoolVariant {
  const char* name;
  Isa isa;
  int block;
  void (*max_row)(const PoolRow& row);
  void (*average_row)(const PoolRow& row);
  void (*mean)(const float* x, int64_t pixels, float* y);
  PlanarPools planar;
};

}  // namespace ortolan::kernels
