// The transposed convolution whose kernel equals its stride, without padding, in the blocked layout: the
// upsampling step of U-Nets. Every output pixel has one tap, so each tap is a 1x1 convolution whose results
// stand a stride apart.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "kernels/conv/direct.h"

namespace ortolan::kernels {

struct PackedUpconv {
  const ConvVariant* variant = nullptr;
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t kernel[2] = {1, 1};
  WeightBlock weights;  // [kh][kw][panel][in_channels][vectors * block]
  WeightBlock bias;

  int64_t block() const { return variant->block; }
  int64_t in_blocks() const { return CeilDiv(in_channels, block()); }
  int64_t out_blocks() const { return CeilDiv(out_channels, block()); }
};

// w is [in_channels, out_channels, kh, kw], as ConvTranspose has it; bias may be null.
Result<PackedUpconv> PackUpconv(const ConvVariant& variant, int64_t in_channels, int64_t out_channels,
                                const int64_t kernel[2], WeightSource w, const float* bias,
                                const Packing& packing);

struct UpconvPlan {
  int64_t batch = 0, height = 0, width = 0;  // of the input
  std::vector<ReductionStep> steps;
  size_t slot_floats = 0;
  int slots = 1;
  size_t scratch_bytes = 0;
};
UpconvPlan PlanUpconv(const PackedUpconv& conv, int64_t batch, int64_t height, int64_t width, int threads);

// epilogue.residual is not looked at.
void RunUpconv(const PackedUpconv& conv, const UpconvPlan& plan, const float* x, float* y,
               const ConvEpilogue& epilogue, std::byte* scratch, ThreadPool& threads);

}  // namespace ortolan::kernels
