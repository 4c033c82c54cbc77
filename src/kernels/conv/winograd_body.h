// The tile transforms of Winograd's F(4x4, 3x3) and F(2x2, 3x3), written once. F(4x4) takes the points 0,
// 5/8, -5/8, 3/2, -3/2 and infinity: the integers 1 and 2 would save a few multiplications and double the
// rounding errors. F(2x2) takes 0, 1, -1 and infinity.
#include "kernels/conv/block_vec.h"
#include "kernels/conv/winograd_tile.h"

namespace ortolan::kernels {
namespace {

template <int kOut>
struct Form;

template <>
struct Form<4> {
  // The points and what the transforms take of them, all exact.
  static constexpr float kA = 0.625f, kB = 1.5f;
  static constexpr float kA2 = kA * kA, kA3 = kA2 * kA, kB2 = kB * kB, kB3 = kB2 * kB;

  // Six values of a row or column of the input, `step` apart in d and t.
  static inline void In(const Vec* d, Vec* t, int step) {
    const Vec d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
    const Vec a = Spread(kA), minus_a = Spread(-kA), b = Spread(kB), minus_b = Spread(-kB);
    const Vec minus_a2 = Spread(-kA2), minus_b2 = Spread(-kB2);
    const Vec both = Spread(kA2 * kB2), minus_sum = Spread(-kA2 - kB2);
    const Vec even_a = Fma(minus_b2, d2, d4), odd_a = Fma(minus_b2, d1, d3);
    const Vec even_b = Fma(minus_a2, d2, d4), odd_b = Fma(minus_a2, d1, d3);
    t[0] = Fma(both, d[0], Fma(minus_sum, d2, d4));
    t[step] = Fma(a, odd_a, even_a);
    t[2 * step] = Fma(minus_a, odd_a, even_a);
    t[3 * step] = Fma(b, odd_b, even_b);
    t[4 * step] = Fma(minus_b, odd_b, even_b);
    t[5 * step] = Fma(both, d1, Fma(minus_sum, d3, d[5 * step]));
  }

  // Six products to four outputs.
  static inline void Out(const Vec* m, Vec* y, int y_step) {
    const Vec s = m[1] + m[2], r = m[1] - m[2], u = m[3] + m[4], v = m[3] - m[4];
    y[0] = m[0] + s + u;
    y[y_step] = Fma(Spread(kB), v, Spread(kA) * r);
    y[2 * y_step] = Fma(Spread(kB2), u, Spread(kA2) * s);
    y[3 * y_step] = Fma(Spread(kB3), v, Fma(Spread(kA3), r, m[5]));
  }

  // At a point p the kernel's polynomial over the product of p's distances from the other points.
  static constexpr double kP = 5.0 / 8, kQ = 3.0 / 2, kP2 = kP * kP, kQ2 = kQ * kQ;
  static constexpr double kScaleP = 1 / (2 * kP2 * (kP2 - kQ2)), kScaleQ = 1 / (2 * kQ2 * (kQ2 - kP2));
  static constexpr double kG[6][3] = {{1 / (kP2 * kQ2), 0, 0},
                                      {kScaleP, kScaleP* kP, kScaleP* kP2},
                                      {kScaleP, -kScaleP* kP, kScaleP* kP2},
                                      {kScaleQ, kScaleQ* kQ, kScaleQ* kQ2},
                                      {kScaleQ, -kScaleQ* kQ, kScaleQ* kQ2},
                                      {0, 0, 1}};
};

template <>
struct Form<2> {
  static inline void In(const Vec* d, Vec* t, int step) {
    const Vec d1 = d[step], d2 = d[2 * step];
    t[0] = d[0] - d2;
    t[step] = d1 + d2;
    t[2 * step] = d2 - d1;
    t[3 * step] = d[3 * step] - d1;
  }

  static inline void Out(const Vec* m, Vec* y, int y_step) {
    y[0] = m[0] + m[1] + m[2];
    y[y_step] = m[1] - m[2] + m[3];
  }

  static constexpr double kG[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
};

// u = G w G^T for the lanes of a panel at once: w[tap][lane] to u[point][lane].
template <int kOut>
void TransformWeights(const double w[9][kWinogradLanes], float u[kMostWinogradPoints][kWinogradLanes]) {
  constexpr int kIn = kOut + 2;
  constexpr auto& kG = Form<kOut>::kG;
  double rows[kIn][3][kWinogradLanes];
  for (int i = 0; i < kIn; ++i) {
    for (int c = 0; c < 3; ++c) {
      for (int l = 0; l < kWinogradLanes; ++l) {
        rows[i][c][l] = kG[i][0] * w[c][l] + kG[i][1] * w[3 + c][l] + kG[i][2] * w[6 + c][l];
      }
    }
  }
  for (int i = 0; i < kIn; ++i) {
    for (int j = 0; j < kIn; ++j) {
      for (int l = 0; l < kWinogradLanes; ++l) {
        u[i * kIn + j][l] = static_cast<float>(rows[i][0][l] * kG[j][0] + rows[i][1][l] * kG[j][1] +
                                               rows[i][2][l] * kG[j][2]);
      }
    }
  }
}

template <int kOut>
void InputTile(const WinogradInput& tile) {
  constexpr int kIn = kOut + 2;
  Vec d[kIn * kIn], t[kIn * kIn];
  const Vec zero = Spread(0.0f);
  const bool whole =
      tile.row_begin == 0 && tile.row_end == kIn && tile.column_begin == 0 && tile.column_end == kIn;
  for (int i = 0; i < kIn; ++i) {
    const float* row = tile.in + i * tile.row_stride;
    const bool inside = i >= tile.row_begin && i < tile.row_end;
    if (whole) {
      ORTOLAN_UNROLL for (int j = 0; j < kIn; ++j) d[i * kIn + j] = LoadBlock(row + j * kBlock);
    } else {
      for (int j = 0; j < kIn; ++j) {
        const bool live = inside && j >= tile.column_begin && j < tile.column_end;
        d[i * kIn + j] = live ? LoadBlock(row + j * kBlock) : zero;
      }
    }
  }
  for (int j = 0; j < kIn; ++j) Form<kOut>::In(d + j, t + j, kIn);
  for (int i = 0; i < kIn; ++i) {
    Vec row[kIn];
    Form<kOut>::In(t + i * kIn, row, 1);
    ORTOLAN_UNROLL for (int j = 0; j < kIn; ++j) {
      StoreBlock(tile.out + (i * kIn + j) * tile.point_stride, row[j]);
    }
  }
}

template <int kOut>
void OutputTile(const WinogradOutput& tile) {
  constexpr int kIn = kOut + 2;
  Vec t[kOut * kIn];
  for (int j = 0; j < kIn; ++j) {
    Vec m[kIn];
    ORTOLAN_UNROLL for (int i = 0; i < kIn; ++i) {
      m[i] = LoadBlock(tile.in + (i * kIn + j) * tile.point_stride);
    }
    Form<kOut>::Out(m, t + j, kIn);
  }
  const Vec bias = LoadBlock(tile.bias), lower = Spread(tile.lower), upper = Spread(tile.upper);
  for (int i = 0; i < tile.rows; ++i) {
    Vec y[kOut];
    Form<kOut>::Out(t + i * kIn, y, 1);
    const int64_t at = i * tile.row_stride;
    for (int j = 0; j < tile.columns; ++j) {
      Vec sum = y[j] + bias;
      if (tile.residual) sum = sum + LoadBlock(tile.residual + at + j * kBlock);
      StoreBlock(tile.out + at + j * kBlock, Clamp(sum, lower, upper));
    }
  }
}

template <int kOut>
constexpr WinogradKernel kForm{
    kOut, kOut + 2, (kOut + 2) * (kOut + 2), InputTile<kOut>, OutputTile<kOut>, TransformWeights<kOut>};

}  // namespace
}  // namespace ortolan::kernels
