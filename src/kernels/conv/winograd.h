// Winograd's F(4x4, 3x3) in the blocked layout: 36 products for 16 outputs in place of 144.
//
// A block of tiles at a time: input tiles are transformed to 36 small matrices (tiles x channels), each is
// multiplied with its transformed weights by the strips of the direct convolution (a pixel is a tile), and
// the products are transformed back. Rounding errors are about twice those of the direct sum; an
// infinity or NaN spreads over its tile.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "kernels/conv/direct.h"
#include "kernels/conv/winograd_tile.h"

namespace ortolan::kernels {

struct PackedWinograd {
  const ConvVariant* variant = nullptr;
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  WeightBlock weights;  // [36][panel][in_channels][vectors * block]
  WeightBlock bias;     // out blocks * block, then a panel of zeros

  int64_t block() const { return variant->block; }
  int64_t in_blocks() const { return CeilDiv(in_channels, block()); }
  int64_t out_blocks() const { return CeilDiv(out_channels, block()); }
};

// 3x3, stride 1, no dilation, one group, no depth.
bool WinogradApplies(const ConvShape& shape);
// Whether it is estimated to beat the direct convolution, within the memory that its weights may take.
bool WinogradPays(const ConvVariant& variant, const ConvShape& shape);

// w is [out_channels, in_channels, 3, 3]; bias may be null. Transforms in double.
Result<PackedWinograd> PackWinograd(const ConvVariant& variant, int64_t in_channels, int64_t out_channels,
                                    WeightSource w, const float* bias, const Packing& packing);

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
