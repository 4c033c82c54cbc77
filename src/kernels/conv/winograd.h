// Winograd's convolution in the blocked layout: F(4x4, 3x3) with 36 products for 16 outputs in place of 144,
// and F(2x2, 3x3) with 16 for 4 in place of 36, whose weights take less than half the memory.
//
// A block of tiles at a time: input tiles are transformed to 36 (or 16) small matrices (tiles x channels),
// each is multiplied with its transformed weights by the strips of the direct convolution (a pixel is a
// tile), and the products are transformed back. Rounding errors are about twice those of the direct sum; an
// infinity or NaN spreads over its tile.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "kernels/conv/direct.h"
#include "kernels/conv/winograd_tile.h"

namespace ortolan::kernels {

struct PackedWinograd {
  const ConvVariant* variant = nullptr;
  const WinogradKernel* kernel = nullptr;  // one of the variant's
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  WeightBlock weights;  // [points][panel][in_channels][vectors * block]
  WeightBlock bias;     // out blocks * block, then a panel of zeros

  int64_t block() const { return variant->block; }
  int64_t in_blocks() const { return CeilDiv(in_channels, block()); }
  int64_t out_blocks() const { return CeilDiv(out_channels, block()); }
};

// 3x3, stride 1, no dilation, one group, no depth.
bool WinogradApplies(const ConvShape& shape);
// The form that is estimated to beat the direct convolution by what its larger weights are worth, or null.
const WinogradKernel* ChooseWinograd(const ConvVariant& variant, const ConvShape& shape);

// w is [out_channels, in_channels, 3, 3]; bias may be null. Transforms in double.
Result<PackedWinograd> PackWinograd(const ConvVariant& variant, const WinogradKernel& kernel,
                                    int64_t in_channels, int64_t out_channels, WeightSource w,
                                    const float* bias, const Packing& packing);

struct WinogradPlan {
  ConvShape shape;
  int64_t tile_rows = 0, tile_columns = 0;
  int64_t tiles_per_block = 0;
  int64_t blocks = 0;  // of one image
  std::vector<ReductionStep> steps;
  size_t slot_floats = 0;  // transformed input and products of one block of tiles
  int slots = 1;
  size_t scratch_bytes = 0;
};
WinogradPlan PlanWinograd(const PackedWinograd& conv, const ConvShape& shape, int threads);

void RunWinograd(const PackedWinograd& conv, const WinogradPlan& plan, const float* x, float* y,
                 const ConvEpilogue& epilogue, std::byte* scratch, ThreadPool& threads);

}  // namespace ortolan::kernels
