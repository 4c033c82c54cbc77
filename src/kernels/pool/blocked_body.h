// The row kernels of blocked pools, written once.
#include "kernels/conv/block_vec.h"
#include "kernels/pool/blocked_row.h"

namespace ortolan::kernels {
namespace {

struct TakeMax {
  static Vec Apply(const Vec& best, const Vec& x) { return MaxOrNan(best, x); }
};
struct TakeSum {
  static Vec Apply(const Vec& sum, const Vec& x) { return sum + x; }
};

template <typename Take>
inline Vec ReduceWindow(const PoolRow& row, const PoolColumn& column, Vec result) {
  const float* slice = row.in + column.first * kBlock;
  for (int64_t d = 0; d < row.slices; ++d, slice += row.slice_stride) {
    const float* line = slice;
    for (int64_t h = 0; h < row.rows; ++h, line += row.row_stride) {
      const float* tap = line;
      for (int64_t w = 0; w < column.taps; ++w, tap += row.tap_stride)
        result = Take::Apply(result, LoadBlock(tap));
    }
  }
  return result;
}

void MaxRow(const PoolRow& row) {
  for (int64_t p = 0; p < row.pixels; ++p) {
    StoreBlock(row.out + p * kBlock, ReduceWindow<TakeMax>(row, row.columns[p], Spread(-__builtin_inff())));
  }
}

void AverageRow(const PoolRow& row) {
  for (int64_t p = 0; p < row.pixels; ++p) {
    const int64_t divisor = row.divisor * row.columns[p].divisor;
    const Vec sum = ReduceWindow<TakeSum>(row, row.columns[p], Spread(0.0f));
    StoreBlock(row.out + p * kBlock, sum * Spread(divisor > 0 ? 1.0f / static_cast<float>(divisor) : 0.0f));
  }
}

void Mean(const float* x, int64_t pixels, float* y) {
  // Four sums hide the latency of the addition and keep the rounding of long sums down.
  Vec sums[4] = {Spread(0), Spread(0), Spread(0), Spread(0)};
  int64_t p = 0;
  for (; p + 4 <= pixels; p += 4) {
    ORTOLAN_UNROLL for (int i = 0; i < 4; ++i) sums[i] = sums[i] + LoadBlock(x + (p + i) * kBlock);
  }
  for (; p < pixels; ++p) sums[0] = sums[0] + LoadBlock(x + p * kBlock);
  const Vec sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  StoreBlock(y, sum * Spread(pixels > 0 ? 1.0f / static_cast<float>(pixels) : 0.0f));
}

}  // namespace
}  // namespace ortolan::kernels
