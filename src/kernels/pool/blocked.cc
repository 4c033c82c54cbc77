#include "kernels/pool/blocked.h"

#include <algorithm>
#include <iterator>

#include "kernels/conv/bands.h"
#include "kernels/pool/line.h"

namespace ortolan::kernels {

#define ORTOLAN_POOL(level) extern const PoolVariant kPool##level;
#include "kernels/pool/variants.inc"
#undef ORTOLAN_POOL

namespace {

constexpr const PoolVariant* kVariants[] = {
#define ORTOLAN_POOL(level) &kPool##level,
#include "kernels/pool/variants.inc"
#undef ORTOLAN_POOL
};

constexpr int64_t kChunkVectors = 16 << 10;  // vectors read by a chunk: about 10 us

void ForEachRow(const PoolVariant& variant, const BlockedPoolPlan& plan, int64_t batch, int64_t blocks,
                const float* x, float* y, ThreadPool& threads, void (*kernel)(const PoolRow& row)) {
  const Window& w = plan.window;
  const int64_t block = variant.block, rows = w.out[0] * w.out[1];
  const int64_t line = w.in[2] * block;
  const int64_t reads = std::max<int64_t>(1, w.out[2] * std::min(w.kernel_size(), w.in_size()));
  const int64_t grain = std::max<int64_t>(1, kChunkVectors / reads);
  const BlockedMaps maps{batch, blocks, block, rows, w.out_size()};
  ForEachRowOfMaps(maps, grain, threads, [&](int64_t plane, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const PoolLine facts = PoolLineAt(w, i, plan.count_padding);
      PoolRow row;
      row.slices = facts.slices;
      row.rows = facts.rows;
      row.in = x + (plane * w.in_size() + facts.first) * block;
      row.slice_stride = w.dilation[0] * w.in[1] * line;
      row.row_stride = w.dilation[1] * line;
      row.tap_stride = w.dilation[2] * block;
      row.divisor = facts.outer;
      row.columns = plan.columns.data();
      row.pixels = w.out[2];
      row.out = y + (plane * rows + i) * w.out[2] * block;
      kernel(row);
    }
  });
}

}  // namespace

std::span<const PoolVariant* const> PoolVariants(Isa isa) {
  size_t first = 0;
  while (first + 1 < std::size(kVariants) && kVariants[first]->isa > isa) ++first;
  return {kVariants + first, std::size(kVariants) - first};
}

BlockedPoolPlan PlanBlockedPool(const Window& window, bool count_padding) {
  BlockedPoolPlan plan{window, count_padding, {}};
  for (int64_t ow = 0; ow < window.out[2]; ++ow) {
    const IndexRange live = LiveTaps(window, 2, ow);
    const int64_t taps = Length(live);
    const int64_t first = ow * window.stride[2] - window.pad[2] + live.begin * window.dilation[2];
    plan.columns.push_back({taps ? first : 0, taps, count_padding ? PaddedTaps(window, 2, ow) : taps});
  }
  return plan;
}

void MaxPoolBlocked(const PoolVariant& variant, const BlockedPoolPlan& plan, int64_t batch, int64_t blocks,
                    const float* x, float* y, ThreadPool& threads) {
  ForEachRow(variant, plan, batch, blocks, x, y, threads, variant.max_row);
}

void AveragePoolBlocked(const PoolVariant& variant, const BlockedPoolPlan& plan, int64_t batch,
                        int64_t blocks, const float* x, float* y, ThreadPool& threads) {
  ForEachRow(variant, plan, batch, blocks, x, y, threads, variant.average_row);
}

void MeanBlocked(const PoolVariant& variant, int64_t planes, int64_t pixels, const float* x, float* y,
                 ThreadPool& threads) {
  const int64_t grain = std::max<int64_t>(1, kChunkVectors / std::max<int64_t>(1, pixels));
  threads.ParallelRanges(planes, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      variant.mean(x + i * pixels * variant.block, pixels, y + i * variant.block);
  });
}

}  // namespace ortolan::kernels
