// The depthwise row kernel, written once.
#include "kernels/conv/block_vec.h"
#include "kernels/conv/depthwise_row.h"

namespace ortolan::kernels {
namespace {

inline void FinishPixel(const DepthwiseRow& row, int64_t pixel, Vec sum) {
  if (row.residual) sum = sum + LoadBlock(row.residual + pixel * kBlock);
  StoreBlock(row.out + pixel * kBlock, Clamp(sum, Spread(row.lower), Spread(row.upper)));
}

// Pixels one by one, with the taps that meet the input: borders, and kernels without a form of their own.
inline void RowPixels(const DepthwiseRow& row, int64_t begin, int64_t end) {
  for (int64_t pixel = begin; pixel < end; ++pixel) {
    Vec sum = LoadBlock(row.bias);
    const int64_t start = pixel * row.stride - row.pad;
    for (int64_t kw = 0; kw < row.columns; ++kw) {
      const int64_t column = start + kw * row.dilation;
      if (column < 0 || column >= row.in_pixels) continue;
      for (int64_t kh = 0; kh < row.rows; ++kh) {
        sum = Fma(LoadBlock(row.in + kh * row.row_stride + column * kBlock),
                  LoadBlock(row.weights + (kh * row.columns + kw) * kBlock), sum);
      }
    }
    FinishPixel(row, pixel, sum);
  }
}

// kPixels neighbours at once, all taps inside: what they share of an input row is loaded once.
template <int kPixels, int kColumns, int kStride>
inline void RowTile(const DepthwiseRow& row, int64_t pixel) {
  Vec sum[kPixels];
  ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) sum[p] = LoadBlock(row.bias);
  const float* in = row.in + (pixel * kStride - row.pad) * kBlock;
  const float* weight = row.weights;
  for (int64_t kh = 0; kh < row.rows; ++kh) {
    ORTOLAN_UNROLL for (int kw = 0; kw < kColumns; ++kw) {
      const Vec w = LoadBlock(weight + kw * kBlock);
      ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) {
        sum[p] = Fma(LoadBlock(in + (p * kStride + kw) * kBlock), w, sum[p]);
      }
    }
    in += row.row_stride;
    weight += kColumns * kBlock;
  }
  ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) FinishPixel(row, pixel + p, sum[p]);
}

template <int kColumns, int kStride>
inline void RowTiles(const DepthwiseRow& row, int64_t begin, int64_t end) {
  constexpr int kPixels = kLanes == 16 ? 8 : kLanes == 8 ? 4 : 1;
  int64_t pixel = begin;
  for (; pixel + kPixels <= end; pixel += kPixels) RowTile<kPixels, kColumns, kStride>(row, pixel);
  for (; pixel < end; ++pixel) RowTile<1, kColumns, kStride>(row, pixel);
}

void DepthwiseRowKernel(const DepthwiseRow& row) {
  const bool tiled = row.dilation == 1 && (row.stride == 1 || row.stride == 2) &&
                     (row.columns == 3 || row.columns == 5 || row.columns == 7);
  if (!tiled) return RowPixels(row, 0, row.out_pixels);
  // Pixels [first, last) have all their columns inside.
  int64_t first = row.pad <= 0 ? 0 : (row.pad + row.stride - 1) / row.stride;
  const int64_t room = row.in_pixels + row.pad - row.columns;
  int64_t last = room < 0 ? 0 : room / row.stride + 1;
  if (last > row.out_pixels) last = row.out_pixels;
  if (first > last) first = last;
  RowPixels(row, 0, first);
  switch (row.columns * 10 + row.stride) {
    case 31:
      RowTiles<3, 1>(row, first, last);
      break;
    case 32:
      RowTiles<3, 2>(row, first, last);
      break;
    case 51:
      RowTiles<5, 1>(row, first, last);
      break;
    case 52:
      RowTiles<5, 2>(row, first, last);
      break;
    case 71:
      RowTiles<7, 1>(row, first, last);
      break;
    default:
      RowTiles<7, 2>(row, first, last);
      break;
  }
  RowPixels(row, last, row.out_pixels);
}

}  // namespace
}  // namespace ortolan::kernels
