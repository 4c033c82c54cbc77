// What the depthwise row kernel is given; see depthwise.h. Plain, because ISA units include it.
#pragma once

#include <cstdint>

namespace ortolan::kernels {

// One output row of one block of channels.
struct DepthwiseRow {
  const float* in = nullptr;       // column 0 of the input row under the first live kernel row
  int64_t row_stride = 0;          // floats from there to the row under the next kernel row
  int64_t rows = 0;                // live kernel rows
  const float* weights = nullptr;  // [rows][columns][block], from the first live row on
  const float* bias = nullptr;
  const float* residual = nullptr;  // or null
  float* out = nullptr;
  int64_t in_pixels = 0;   // width of the input
  int64_t out_pixels = 0;  // width of the output
  int64_t columns = 0;     // of the kernel
  int64_t stride = 1, dilation = 1, pad = 0;
  float lower = 0, upper = 0;
};

}  // namespace ortolan::kernels
