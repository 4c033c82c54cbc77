// Sums of weighted rows: the pass of a resize along any axis but the last, f32. resize.h drives it. Plain,
// because ISA units include it.
#pragma once

#include <cstdint>

#include "base/cpu.h"

namespace ortolan::kernels {

struct ResizeRows {
  const char* name;
  Isa isa;
  // out[j] = the sum over k < taps of weights[k] * rows[k][j], j < count.
  void (*sum)(const float* const* rows, const float* weights, int64_t taps, int64_t count, float* out);
};

// The best that runs on `isa`.
const ResizeRows& SelectResizeRows(Isa isa);

}  // namespace ortolan::kernels
