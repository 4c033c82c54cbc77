// Depthwise convolution in the blocked layout: every channel has its own kernel, so a block of channels is
// one vector and nothing is reduced across lanes. Input rows are read in place; pixels at the left and right
// border take fewer taps.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "kernels/conv/conv.h"
#include "kernels/conv/direct.h"
#include "kernels/conv/strip.h"

namespace ortolan::kernels {

// Whether the kernel takes the problem: one input and one output channel a group, at most two spatial axes.
bool IsDepthwise(int64_t groups, int64_t group_in, int64_t group_out, const int64_t* kernel);

struct PackedDepthwise {
  const ConvVariant* variant = nullptr;
  int64_t channels = 0;
  int64_t kernel[2] = {1, 1};
  WeightBlock weights;  // [block][kh][kw][lanes]
  WeightBlock bias;     // [block][lanes]
};
Result<PackedDepthwise> PackDepthwise(const ConvVariant& variant, int64_t channels, const int64_t* kernel,
                                      WeightSource w, const float* bias, WeightStore* store = nullptr);

void RunDepthwise(const PackedDepthwise& conv, const ConvShape& shape, const float* x, float* y,
                  const ConvEpilogue& epilogue, ThreadPool& threads);

}  // namespace ortolan::kernels
