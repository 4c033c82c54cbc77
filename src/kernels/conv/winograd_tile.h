// What the tile transforms of Winograd's convolution are given; see winograd.h. Plain, because ISA units
// include it.
#pragma once

#include <cstdint>

namespace ortolan::kernels {

inline constexpr int kWinogradIn = 6;                              // an input tile is 6 x 6
inline constexpr int kWinogradOut = 4;                             // and gives 4 x 4 outputs
inline constexpr int kWinogradPoints = kWinogradIn * kWinogradIn;  // products per channel pair

// One tile of one block of channels.
struct WinogradInput {
  const float* in = nullptr;  // where the tile's corner is or would be
  int64_t row_stride = 0;
  // The part of the tile inside the map, in [0, 6]; zeros elsewhere.
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
  int rows = 0, columns = 0;  // of the tile inside the output, up to 4
  float lower = 0, upper = 0;
};

inline constexpr int kWinogradLanes = 32;  // of a panel of weights: two vectors of AVX-512

struct WinogradKernel {
  void (*input)(const WinogradInput& tile);
  void (*output)(const WinogradOutput& tile);
  void (*weights)(const double taps[9][kWinogradLanes], float points[kWinogradPoints][kWinogradLanes]);
};

}  // namespace ortolan::kernels
