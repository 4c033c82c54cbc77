// 8-bit convolution over channels-last maps (N, spatial axes, C) with constant kernels. Dense convolutions
// read the taps of each output position by pointers where the input lies, with a row of zero points in place
// of what is outside; an input of few or odd channels, or a planar one, is copied to a padded map first.
// Depthwise ones (one channel in and out a group) have a kernel of their own.
#pragma once

#include <optional>
#include <vector>

#include "kernels/conv/conv.h"
#include "kernels/quant/byte_product.h"

namespace ortolan::kernels {

// w is [out_channels, group_in, kernel...] as ONNX has it.
struct ByteConvWeights {
  const void* w = nullptr;
  bool w_signed = true;
  const int32_t* w_zero = nullptr;  // one for each output channel, or null
  const int32_t* bias = nullptr;    // or null
  const float* scale = nullptr;     // of the sums, one for each output channel
  int64_t groups = 1;
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t kernel[kSpatialAxes] = {1, 1, 1};
  int64_t dilation_w = 1;
  bool x_signed = false;
  int32_t x_zero = 0;
  bool x_planar = false;  // the input is channels-first
};

struct PackedByteConv {
  enum class Path : uint8_t { kDirect, kCopied, kDepthwise };
  const ByteVariant* variant = nullptr;
  Path path = Path::kDirect;
  ByteConvWeights facts;    // its pointers unused
  int64_t pixel_bytes = 0;  // of a pixel of the copy
  bool merged = false;      // the taps of a row of the kernel are one
  int64_t taps = 0;
  int64_t tap_bytes = 0;
  bool has_b_zero = false;
  int64_t repeats = 1;  // depthwise: positions that one vector holds
  size_t group_panel_bytes = 0;
  int64_t group_columns = 0;  // padded
  AlignedBuffer panels;
  AlignedBuffer numbers;  // start, b_zero, scale and slope, group after group
  AlignedBuffer outside;  // a row of zero points

  const int32_t* start() const { return reinterpret_cast<const int32_t*>(numbers.data()); }
  const int32_t* b_zero() const { return start() + facts.groups * group_columns; }
  const float* scale() const {
    return reinterpret_cast<const float*>(b_zero() + facts.groups * group_columns);
  }
  // What one more in x's zero point adds to start; of dense convolutions only.
  const int32_t* slope() const { return start() + 3 * facts.groups * group_columns; }
};

// Whether PackByteConv takes it.
bool TakesByteConv(const ByteConvWeights& weights);
Result<PackedByteConv> PackByteConv(const ByteVariant& variant, const ByteConvWeights& weights,
                                    ThreadPool& threads);

// y is channels-last; a residual of `finish` has y's shape. scratch: ByteConvScratch bytes.
size_t ByteConvScratch(const PackedByteConv& conv, const ConvShape& shape);
void RunByteConv(const PackedByteConv& conv, const ConvShape& shape, const uint8_t* x, uint8_t* y,
                 const ByteFinish& finish, std::byte* scratch, ThreadPool& threads);

// The sums alone, of a dense convolution of one group; y is channels-first, and `x_zero`, known at a run
// only, stands in for the packed zero point. scratch: ByteSumsScratch bytes.
bool TakesByteSums(const ByteConvWeights& weights);
size_t ByteSumsScratch(const PackedByteConv& conv, const ConvShape& shape);
void RunByteSums(const PackedByteConv& conv, const ConvShape& shape, const uint8_t* x, int32_t x_zero,
                 int32_t* y, std::byte* scratch, ThreadPool& threads);

}  // namespace ortolan::kernels
