// What the depthwise kernel is given; see depthwise.h. Plain, because ISA units include it.
#pragma once

#include <cstdint>

namespace ortolan::kernels {

// Consecutive output rows of one block of channels (of one depth slice).
struct DepthwiseRows {
  const float* in = nullptr;       // the input slice, [in_rows][in_pixels][block]
  const float* weights = nullptr;  // [kernel_rows][columns][block]
  const float* bias = nullptr;
  const float* residual = nullptr;  // laid out as `out`, or null
  float* out = nullptr;             // row `begin`
  int64_t begin = 0, end = 0;       // output rows
  int64_t in_rows = 0;              // 0 where the slice lies in the padding
  int64_t in_pixels = 0;            // width of the input
  int64_t out_pixels = 0;           // width of the output
  int64_t kernel_rows = 0, columns = 0;
  int64_t row_stride = 1, row_dilation = 1, row_pad = 0;
  int64_t stride = 1, dilation = 1, pad = 0;  // along a row
  float lower = 0, upper = 0;
};

}  // namespace ortolan::kernels
