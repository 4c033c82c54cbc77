// The depthwise kernel, written once.
#include "kernels/conv/block_vec.h"
#include "kernels/conv/depthwise_row.h"

namespace ortolan::kernels {
namespace {

// Pixels of the widest tile: their sums, 7 weights and a column fit AVX-512's 32 registers.
#if defined(__AVX512F__)
inline constexpr int kWidePixels = 14;
#else
inline constexpr int kWidePixels = 7;
#endif

// One output row: the kernel rows that meet the input.
struct LiveRow {
  const float* in = nullptr;       // column 0 of the input row under the first live kernel row
  const float* weights = nullptr;  // of that kernel row
  int64_t rows = 0;
  const float* residual = nullptr;
  float* out = nullptr;
};

inline LiveRow LiveRowAt(const DepthwiseRows& job, int64_t row) {
  const int64_t start = row * job.row_stride - job.row_pad;
  int64_t first = 0;
  while (first < job.kernel_rows && start + first * job.row_dilation < 0) ++first;
  int64_t last = job.kernel_rows;
  while (last > first && start + (last - 1) * job.row_dilation >= job.in_rows) --last;
  LiveRow live;
  live.rows = last - first;
  if (live.rows > 0) live.in = job.in + (start + first * job.row_dilation) * job.in_pixels * kBlock;
  live.weights = job.weights + first * job.columns * kBlock;
  const int64_t at = (row - job.begin) * job.out_pixels * kBlock;
  live.residual = job.residual ? job.residual + at : nullptr;
  live.out = job.out + at;
  return live;
}

// What every tile of a job needs, out of the way of the stores: a float that is stored could be a bound in
// `job`, for all the compiler knows.
struct Bounds {
  Vec lower, upper;
};

// Of pixels `pitch` floats apart from `at` on.
template <int kPixels>
ORTOLAN_INLINE void FinishTile(const Bounds& bounds, const LiveRow& row, int64_t at, int64_t pitch,
                               Vec (&sum)[kPixels]) {
  if (row.residual) {
    ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) {
      sum[p] = sum[p] + LoadBlock(row.residual + at + p * pitch);
    }
  }
  ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) {
    StoreBlock(row.out + at + p * pitch, Clamp(sum[p], bounds.lower, bounds.upper));
  }
}

// kPixels neighbours at once, for any kernel, stride and dilation; taps outside the input are left out.
template <int kPixels>
inline int64_t AnyTiles(const DepthwiseRows& job, const Bounds& bounds, const LiveRow& row, int64_t pixel) {
  const int64_t next_row = job.row_dilation * job.in_pixels * kBlock;
  for (; pixel + kPixels <= job.out_pixels; pixel += kPixels) {
    Vec sum[kPixels];
    ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) sum[p] = LoadBlock(job.bias);
    for (int64_t kh = 0; kh < row.rows; ++kh) {
      for (int64_t kw = 0; kw < job.columns; ++kw) {
        const float* in = row.in + kh * next_row;
        const Vec w = LoadBlock(row.weights + (kh * job.columns + kw) * kBlock);
        const int64_t start = pixel * job.stride - job.pad + kw * job.dilation;
        ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) {
          const int64_t column = start + p * job.stride;
          if (column >= 0 && column < job.in_pixels) sum[p] = Fma(LoadBlock(in + column * kBlock), w, sum[p]);
        }
      }
    }
    FinishTile<kPixels>(bounds, row, pixel * kBlock, kBlock, sum);
  }
  return pixel;
}

// The columns of a row that a tile walks over: all of them, or with a dilation every d-th, which then are
// neighbours.
struct Columns {
  int64_t in_pixels = 0, out_pixels = 0, pad = 0;
  int64_t pitch = kBlock;               // floats from one to the next, in and out
  int64_t first_in = 0, first_out = 0;  // pixels
};

// Fewer columns than the kernel's stand out at either end: what RowTile asks for.
inline bool HasNarrowBorder(const Columns& columns, int64_t kernel, int64_t stride) {
  const int64_t beyond = (columns.out_pixels - 1) * stride - columns.pad + kernel - columns.in_pixels;
  return columns.pad < kernel && beyond < kernel;
}

inline Columns AllColumns(const DepthwiseRows& job) {
  Columns columns;
  columns.in_pixels = job.in_pixels;
  columns.out_pixels = job.out_pixels;
  columns.pad = job.pad;
  return columns;
}

// Output columns phase, phase + d, ... of a convolution dilated by d. Their taps read input columns that are
// equal to phase - pad modulo d.
inline Columns DilatedColumns(const DepthwiseRows& job, int64_t phase) {
  const int64_t d = job.dilation, origin = phase - job.pad;
  const int64_t rest = (origin % d + d) % d;
  Columns columns;
  columns.out_pixels = (job.out_pixels - phase + d - 1) / d;
  columns.in_pixels = job.in_pixels > rest ? (job.in_pixels - rest + d - 1) / d : 0;
  columns.pad = (rest - origin) / d;
  columns.pitch = d * kBlock;
  columns.first_in = rest;
  columns.first_out = phase;
  return columns;
}

// kPixels neighbours at once. An input column is loaded once for all the pixels and taps that it serves, and
// so is a weight: 16 + 3 loads for 42 multiply-adds in a row of 3 taps. At a border the columns outside are
// left out; there are fewer than kColumns of them at either end.
template <int kPixels, int kColumns, int kStride, bool kBorder, bool kDilated>
ORTOLAN_INLINE void RowTile(const DepthwiseRows& job, const Columns& columns, const Bounds& bounds,
                            const LiveRow& row, int64_t pixel) {
  constexpr int kSpan = (kPixels - 1) * kStride + kColumns;
  const int64_t start = pixel * kStride - columns.pad, in_pixels = columns.in_pixels;
  const int64_t pitch = kDilated ? columns.pitch : kBlock;
  const int64_t next_row = job.row_dilation * job.in_pixels * kBlock;
  const int64_t first_in = kDilated ? columns.first_in : 0, first_out = kDilated ? columns.first_out : 0;
  const float* in = row.rows > 0 ? row.in + first_in * kBlock + start * pitch : nullptr;
  const float* weights = row.weights;
  Vec sum[kPixels];
  ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) sum[p] = LoadBlock(job.bias);
  for (int64_t kh = row.rows; kh > 0; --kh) {
    Vec w[kColumns];
    ORTOLAN_UNROLL for (int kw = 0; kw < kColumns; ++kw) w[kw] = LoadBlock(weights + kw * kBlock);
    ORTOLAN_UNROLL for (int j = 0; j < kSpan; ++j) {
      if (kBorder && j < kColumns - 1 && start + j < 0) continue;
      if (kBorder && j > kSpan - kColumns && start + j >= in_pixels) continue;
      Vec x = LoadBlock(in + j * pitch);
      ORTOLAN_IN_REGISTER(x);
      ORTOLAN_UNROLL for (int kw = 0; kw < kColumns; ++kw) {
        if (j >= kw && (j - kw) % kStride == 0 && (j - kw) / kStride < kPixels) {
          sum[(j - kw) / kStride] = Fma(x, w[kw], sum[(j - kw) / kStride]);
        }
      }
    }
    in += next_row;
    weights += kColumns * kBlock;
  }
  FinishTile<kPixels>(bounds, row, first_out * kBlock + pixel * pitch, pitch, sum);
}

template <int kPixels, int kColumns, int kStride, bool kDilated>
ORTOLAN_INLINE int64_t RowTiles(const DepthwiseRows& job, const Columns& columns, const Bounds& bounds,
                                const LiveRow& row, int64_t pixel) {
  for (; pixel + kPixels <= columns.out_pixels; pixel += kPixels) {
    const int64_t start = pixel * kStride - columns.pad;
    if (start >= 0 && start + (kPixels - 1) * kStride + kColumns <= columns.in_pixels) {
      RowTile<kPixels, kColumns, kStride, false, kDilated>(job, columns, bounds, row, pixel);
    } else {
      RowTile<kPixels, kColumns, kStride, true, kDilated>(job, columns, bounds, row, pixel);
    }
  }
  return pixel;
}

// The maps of networks are 7 * 2^n wide; the other tiles are for what is left of other widths.
template <int kColumns, int kStride, bool kDilated>
ORTOLAN_INLINE void RowOf(const DepthwiseRows& job, const Columns& columns, const Bounds& bounds,
                          const LiveRow& row) {
  int64_t pixel = 0;
  if constexpr (kWidePixels > 7)
    pixel = RowTiles<kWidePixels, kColumns, kStride, kDilated>(job, columns, bounds, row, pixel);
  pixel = RowTiles<7, kColumns, kStride, kDilated>(job, columns, bounds, row, pixel);
  pixel = RowTiles<4, kColumns, kStride, kDilated>(job, columns, bounds, row, pixel);
  pixel = RowTiles<2, kColumns, kStride, kDilated>(job, columns, bounds, row, pixel);
  RowTiles<1, kColumns, kStride, kDilated>(job, columns, bounds, row, pixel);
}

template <int kColumns, int kStride>
void Rows(const DepthwiseRows& job) {
  const Bounds bounds{Spread(job.lower), Spread(job.upper)};
  const Columns columns = AllColumns(job);
  for (int64_t oh = job.begin; oh < job.end; ++oh) {
    RowOf<kColumns, kStride, false>(job, columns, bounds, LiveRowAt(job, oh));
  }
}

template <int kColumns>
void DilatedRows(const DepthwiseRows& job) {
  const Bounds bounds{Spread(job.lower), Spread(job.upper)};
  const int64_t phases = job.dilation < job.out_pixels ? job.dilation : job.out_pixels;
  for (int64_t oh = job.begin; oh < job.end; ++oh) {
    const LiveRow row = LiveRowAt(job, oh);
    for (int64_t phase = 0; phase < phases; ++phase) {
      RowOf<kColumns, 1, true>(job, DilatedColumns(job, phase), bounds, row);
    }
  }
}

void AnyRows(const DepthwiseRows& job) {
  const Bounds bounds{Spread(job.lower), Spread(job.upper)};
  for (int64_t oh = job.begin; oh < job.end; ++oh) {
    const LiveRow row = LiveRowAt(job, oh);
    AnyTiles<1>(job, bounds, row, AnyTiles<8>(job, bounds, row, 0));
  }
}

bool TakesDilatedRows(const DepthwiseRows& job) {
  if (job.stride != 1) return false;
  for (int64_t phase = 0; phase < job.dilation && phase < job.out_pixels; ++phase) {
    if (!HasNarrowBorder(DilatedColumns(job, phase), job.columns, 1)) return false;
  }
  return true;
}

void DepthwiseRowsKernel(const DepthwiseRows& job) {
  if (job.dilation != 1) {
    if (job.columns == 3 && TakesDilatedRows(job)) return DilatedRows<3>(job);
    if (job.columns == 5 && TakesDilatedRows(job)) return DilatedRows<5>(job);
    return AnyRows(job);
  }
  if (job.stride > 2 || !HasNarrowBorder(AllColumns(job), job.columns, job.stride)) return AnyRows(job);
  switch (job.columns * 10 + job.stride) {
    case 31:
      return Rows<3, 1>(job);
    case 32:
      return Rows<3, 2>(job);
    case 51:
      return Rows<5, 1>(job);
    case 52:
      return Rows<5, 2>(job);
    case 71:
      return Rows<7, 1>(job);
    case 72:
      return Rows<7, 2>(job);
    default:
      return AnyRows(job);
  }
}

}  // namespace
}  // namespace ortolan::kernels
