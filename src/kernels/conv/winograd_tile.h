// What the tile transforms of Winograd's convolution are given; see winograd.h. Plain, because ISA units
// include it.
#pragma once

#include <cstdint>

namespace ortolan::kernels {

inline constexpr int kMostWinogradPoints = 36;

// One tile of one block of channels.
struct WinogradInput {
  const float* in = nullptr;  // where the tile's corner is or would be
  int64_t row_stride = 0;
  // The part of the tile inside the map, in [0, in]; zeros elsewhere.
  int row_begin = 0, row_end = 0, column_begin = 0, column_end = 0;
  float* out = nullptr;  // point i at out + i * point_stride
  int64_t point_stride = 0;
};
struct WinogradOutput {
  const float* in = nullptr;
  int64_t point_stride = 0;
  const float* bias = nullptr;
  const float* residual = nullptr;  // laid out as `out`, or null
  float* out = nullptr;
  int64_t row_stride = 0;
  int rows = 0, columns = 0;  // of the tile inside the output, up to `out`
  float lower = 0, upper = 0;
};

inline constexpr int kWinogradLanes = 32;  // of a panel of weights: two vectors of AVX-512

// F(out x out, 3x3): a tile of `in` x `in` inputs gives `out` x `out` outputs by in * in products for each
// pair of channels.
struct WinogradKernel {
  int out, in, points;
  void (*input)(const WinogradInput& tile);
  void (*output)(const WinogradOutput& tile);
  void (*weights)(const double taps[9][kWinogradLanes], float u[kMostWinogradPoints][kWinogradLanes]);
};
inline constexpr int kWinogradForms = 2;  // F(4x4), F(2x2)

}  // namespace ortolan::kernels
