// The micro-kernel of the direct convolution: a strip of pixels of one output row times one or two blocks of
// output channels. direct.h drives it; direct_body.h has its one source.
#pragma once

#include <cstdint>
#include <span>

#include "base/cpu.h"

namespace ortolan::kernels {

// One run of the reduction: `count` consecutive input floats from `in_offset` (relative to a pixel's origin)
// meet `count` consecutive rows of the weight panel from row `k`. Blocked input: the channels of one block at
// one tap. Planar input: the taps of one kernel row in one channel.
struct ReductionStep {
  int64_t in_offset = 0;
  int32_t count = 0;
  int32_t k = 0;
};

struct StripArgs {
  int64_t strips = 1;         // neighbours of equal length, one after the other
  const float* in = nullptr;  // origin of the first pixel
  int64_t pixel_stride = 0;   // floats between origins of neighbouring output pixels
  const ReductionStep* steps = nullptr;
  int64_t step_count = 0;
  const float* weights = nullptr;   // panel [k][vectors * block]
  const float* bias = nullptr;      // vectors * block
  const float* residual = nullptr;  // added before the clamp; laid out as `out`; or null
  float* out = nullptr;             // pixels are `block` floats apart
  int64_t out_block_stride = 0;     // from the first to the second block of channels
  float lower = 0, upper = 0;
  bool goes_on = false;  // from sums that an earlier pass over other steps left in `out`, not from the bias
  // What will be read next: each step asks for so many cache lines of it. Weights that come from memory, and
  // a model's do, would otherwise stop the first strip of every panel.
  const float* ahead = nullptr;
  int64_t ahead_lines = 0;
};
inline constexpr int64_t kLineFloats = 16;
using ConvStrip = void (*)(const StripArgs& args);

inline constexpr int kMostStripPixels = 14;
inline constexpr int kStripVectors = 2;

// What one ISA unit offers. strips[vectors - 1][pixels - 1]; entries beyond `pixels` are null.
struct StripTable {
  ConvStrip strips[kStripVectors][kMostStripPixels];
  ConvStrip halves[kStripVectors][kMostStripPixels];  // the last vector's second half is zeros; or null
};

struct DepthwiseRows;
struct WinogradKernel;
using DepthwiseKernel = void (*)(const DepthwiseRows& job);
struct LaneRow;
using LaneKernel = void (*)(const LaneRow& row);

// Pixel strides for which there is a table of their own: addresses are then constants in the inner loop.
struct ConvVariant {
  const char* name;  // "avx512": kernels are called conv_direct_14x32_avx512 and so on
  Isa isa;
  int block;                     // channels of a block
  int pixels;                    // longest strip
  int pass_bytes;                // of weights that strips read over and over; 0: however many there are
  const StripTable* planar[2];   // planar input, stride 1 and 2
  const StripTable* blocked[2];  // blocked input, stride 1 and 2
  const StripTable* any;         // any pixel stride
  const DepthwiseKernel* depthwise;
  const WinogradKernel* winograd;  // kWinogradForms of them
  const LaneKernel* lanes;
};

// Best first; those that this machine has, capped by `isa`, in the span.
std::span<const ConvVariant* const> ConvVariants(Isa isa);
// The best of them for blocks of that size, or null.
const ConvVariant* ConvVariantOf(Isa isa, int64_t block);

}  // namespace ortolan::kernels
