// The strip kernel, written once. kPixels x kVectors accumulators stay in registers over the whole reduction:
// 14 x 2 of AVX-512's 32 registers leave room for the two weight vectors and a broadcast, 6 x 2 of AVX2's 16
// likewise.
#include "kernels/conv/block_vec.h"
#include "kernels/conv/strip.h"

namespace ortolan::kernels {
namespace {

// kStride: the pixel stride where it is known, 0 where args tell.
template <int kPixels, int kVectors, int kStride>
void Strip(const StripArgs& args) {
  const int64_t stride = kStride ? kStride : args.pixel_stride;
  Vec sum[kPixels][kVectors];
  ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) {
    ORTOLAN_UNROLL for (int v = 0; v < kVectors; ++v) sum[p][v] = LoadBlock(args.bias + v * kBlock);
  }
  const ReductionStep* const end = args.steps + args.step_count;
  for (const ReductionStep* step = args.steps; step != end; ++step) {
    const float* in = args.in + step->in_offset;
    const float* weight = args.weights + static_cast<int64_t>(step->k) * (kVectors * kBlock);
    const float* const in_end = in + step->count;
    do {
      Vec w[kVectors];
      ORTOLAN_UNROLL for (int v = 0; v < kVectors; ++v) w[v] = LoadBlock(weight + v * kBlock);
      ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) {
        const Vec x = Spread(in[p * stride]);
        ORTOLAN_UNROLL for (int v = 0; v < kVectors; ++v) sum[p][v] = Fma(x, w[v], sum[p][v]);
      }
      weight += kVectors * kBlock;
    } while (++in != in_end);
  }
  const Vec lower = Spread(args.lower), upper = Spread(args.upper);
  if (args.residual) {
    ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) {
      ORTOLAN_UNROLL for (int v = 0; v < kVectors; ++v) {
        sum[p][v] = sum[p][v] + LoadBlock(args.residual + p * kBlock + v * args.out_block_stride);
      }
    }
  }
  ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) {
    ORTOLAN_UNROLL for (int v = 0; v < kVectors; ++v) {
      StoreBlock(args.out + p * kBlock + v * args.out_block_stride, Clamp(sum[p][v], lower, upper));
    }
  }
}

template <int kPixels, int kVectors, int kStride>
constexpr void FillStrips(StripTable& table) {
  table.strips[kVectors - 1][kPixels - 1] = Strip<kPixels, kVectors, kStride>;
  if constexpr (kPixels > 1) FillStrips<kPixels - 1, kVectors, kStride>(table);
}

template <int kMostPixels, int kStride>
constexpr StripTable MakeStrips() {
  StripTable table{};
  FillStrips<kMostPixels, 1, kStride>(table);
  FillStrips<kMostPixels, 2, kStride>(table);
  return table;
}

}  // namespace
}  // namespace ortolan::kernels
