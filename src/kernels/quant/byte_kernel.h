// The plain side of the 8-bit products: what their ISA units and their drivers (byte_product.h, byte_conv.h)
// share. Only data and function pointers, so that nothing an ISA unit includes can be emitted as a weak
// symbol.
//
// Everything works on "quads": four bytes along the sum, which one VNNI instruction multiplies and adds. The
// left side is unsigned, or signed and made unsigned by flipping the top bit; the right side is signed.
#pragma once

#include <stdint.h>

#include "base/cpu.h"

namespace ortolan::kernels {

enum class ByteOutput : uint8_t {
  kSums,    // int32
  kBytes,   // clamp(round(sum * scale)) + zero
  kFloats,  // sum * scale + bias
};

// An 8-bit tensor that is added to the bytes before they are stored, as QLinearAdd does it:
// clamp(round(byte * own_ratio + other * other_ratio + fixed)).
struct ByteResidual {
  const uint8_t* data;  // null: none
  int64_t stride;       // bytes from row to row
  bool is_signed;
  bool out_signed;
  bool own_first;  // the order of the two additions
  float own_ratio;
  float other_ratio;
  float fixed;
};

struct ByteFinish {
  ByteOutput output;
  bool is_signed;  // of the bytes
  float low;       // the type's range less `zero`
  float high;
  int32_t zero;
  ByteResidual residual;
};

// Rows by columns of one panel.
struct ByteTile {
  const uint8_t* const* a;  // a[tap * a_stride + row]: where the bytes of the tap begin
  int64_t a_stride;
  int64_t taps;
  int64_t steps;    // quads of a tap
  const int8_t* b;  // [taps][steps][vectors * lanes][4]
  int64_t columns;  // to be stored, 1 <= columns <= vectors * lanes
  // One for each column, readable up to whole vectors.
  const int32_t* start;   // where the sums begin
  const int32_t* b_zero;  // null, or what is taken away `row_sums` times
  const float* scale;
  const float* bias;  // or null
  const int32_t* row_sums;
  const ByteFinish* finish;
  uint8_t* c;
  int64_t c_stride;   // bytes
  int64_t first_row;  // of the residual
  int64_t first_column;
};
using ByteTileFunction = void (*)(const ByteTile& tile);

inline constexpr int kMostByteRows = 8;
inline constexpr int kMostByteVectors = 4;

// One output position of a depthwise convolution, all channels; or several positions whose taps all follow
// each other, as one with so many times the channels.
struct ByteDepthwise {
  const uint8_t* const* a;  // a[tap * a_stride], 4 * quads taps
  int64_t a_stride;
  int64_t quads;
  const int8_t* b;  // [groups of channels][quads][4 vectors of quads], in the order of the kernel
  const int32_t* start;
  const float* scale;
  int64_t channels;
  const ByteFinish* finish;
  uint8_t* c;
};

struct ByteVariant {
  const char* name;
  Isa isa;
  bool dots;                                                   // asks for HasByteDots()
  int lanes;                                                   // columns of a vector
  int vectors;                                                 // of a full panel
  int rows[kMostByteVectors];                                  // the tallest tile for each width
  ByteTileFunction tiles[2][kMostByteVectors][kMostByteRows];  // [left side signed][vectors - 1][rows - 1]
  // The sum of `bytes` bytes (a multiple of 4), read as the tiles read them.
  int32_t (*row_sum)(const uint8_t* a, int64_t bytes, bool is_signed);
  // Channels that one step of the depthwise kernel takes, and where lane i of the 4 vectors comes from in
  // them.
  int depthwise_channels;
  void (*depthwise[2])(const ByteDepthwise& work);  // [signed]
  int (*depthwise_channel)(int lane);
};

}  // namespace ortolan::kernels
