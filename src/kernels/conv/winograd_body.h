// The tile transforms of Winograd's F(4x4, 3x3), written once, at the points 0, 1, -1, 2, -2 and infinity.
#include "kernels/conv/block_vec.h"
#include "kernels/conv/winograd_tile.h"

namespace ortolan::kernels {
namespace {

// Six values of a row or column of the input, `step` apart in d and t.
inline void TransformIn(const Vec* d, Vec* t, int step) {
  const Vec two = Spread(2.0f), four = Spread(4.0f), minus_four = Spread(-4.0f), minus_five = Spread(-5.0f);
  const Vec d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
  const Vec even = Fma(minus_four, d2, d4), odd = Fma(minus_four, d1, d3);
  const Vec near = d4 - d2, far = (d3 - d1) * two;
  t[0] = Fma(four, d[0], Fma(minus_five, d2, d4));
  t[step] = even + odd;
  t[2 * step] = even - odd;
  t[3 * step] = near + far;
  t[4 * step] = near - far;
  t[5 * step] = Fma(four, d1, Fma(minus_five, d3, d[5 * step]));
}

// Six products to four outputs.
inline void TransformOut(const Vec* m, Vec* y, int m_step, int y_step) {
  const Vec two = Spread(2.0f), four = Spread(4.0f), eight = Spread(8.0f);
  const Vec m1 = m[m_step], m2 = m[2 * m_step], m3 = m[3 * m_step], m4 = m[4 * m_step];
  const Vec s = m1 + m2, r = m1 - m2, u = m3 + m4, v = m3 - m4;
  y[0] = m[0] + s + u;
  y[y_step] = Fma(two, v, r);
  y[2 * y_step] = Fma(four, u, s);
  y[3 * y_step] = Fma(eight, v, r) + m[5 * m_step];
}

void InputTile(const WinogradInput& tile) {
  Vec d[kWinogradPoints], t[kWinogradPoints];
  const Vec zero = Spread(0.0f);
  const bool whole = tile.row_begin == 0 && tile.row_end == kWinogradIn && tile.column_begin == 0 &&
                     tile.column_end == kWinogradIn;
  for (int i = 0; i < kWinogradIn; ++i) {
    const float* row = tile.in + i * tile.row_stride;
    const bool inside = i >= tile.row_begin && i < tile.row_end;
    if (whole) {
      ORTOLAN_UNROLL for (int j = 0; j < kWinogradIn; ++j) d[i * kWinogradIn + j] =
          LoadBlock(row + j * kBlock);
    } else {
      for (int j = 0; j < kWinogradIn; ++j) {
        const bool live = inside && j >= tile.column_begin && j < tile.column_end;
        d[i * kWinogradIn + j] = live ? LoadBlock(row + j * kBlock) : zero;
      }
    }
  }
  for (int j = 0; j < kWinogradIn; ++j) TransformIn(d + j, t + j, kWinogradIn);
  for (int i = 0; i < kWinogradIn; ++i) {
    Vec row[kWinogradIn];
    TransformIn(t + i * kWinogradIn, row, 1);
    ORTOLAN_UNROLL for (int j = 0; j < kWinogradIn; ++j) {
      StoreBlock(tile.out + (i * kWinogradIn + j) * tile.point_stride, row[j]);
    }
  }
}

void OutputTile(const WinogradOutput& tile) {
  Vec t[kWinogradOut * kWinogradIn];
  for (int j = 0; j < kWinogradIn; ++j) {
    Vec m[kWinogradIn];
    ORTOLAN_UNROLL for (int i = 0; i < kWinogradIn; ++i) {
      m[i] = LoadBlock(tile.in + (i * kWinogradIn + j) * tile.point_stride);
    }
    TransformOut(m, t + j, 1, kWinogradIn);
  }
  const Vec bias = LoadBlock(tile.bias), lower = Spread(tile.lower), upper = Spread(tile.upper);
  for (int i = 0; i < tile.rows; ++i) {
    Vec y[kWinogradOut];
    TransformOut(t + i * kWinogradIn, y, 1, 1);
    const int64_t at = i * tile.row_stride;
    for (int j = 0; j < tile.columns; ++j) {
      Vec sum = y[j] + bias;
      if (tile.residual) sum = sum + LoadBlock(tile.residual + at + j * kBlock);
      StoreBlock(tile.out + at + j * kBlock, Clamp(sum, lower, upper));
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
