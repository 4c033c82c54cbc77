// The strip kernel, written once. kPixels x kVectors accumulators stay in registers over the whole reduction:
// 14 x 2 of AVX-512's 32 registers leave room for the two weight vectors and a broadcast, 6 x 2 of AVX2's 16
// likewise.
#include "kernels/conv/block_vec.h"
#include "kernels/conv/strip.h"

namespace ortolan::kernels {
namespace {

inline constexpr float kInfinity = __builtin_inff();

struct StripPlace {
  const float* in;
  const float* residual;
  float* out;
};

// kStride: the pixel stride where it is known, 0 where args tell. kHalf: of the last vector only the first
// half is computed.
template <int kPixels, int kVectors, int kStride, bool kHalf>
void Strip(const StripArgs& args) {
  const int64_t stride = kStride ? kStride : args.pixel_stride, block_stride = args.out_block_stride;
  const ReductionStep* const steps = args.steps;
  const ReductionStep* const end = steps + args.step_count;
  const float* const weights = args.weights;
  const bool bounded = args.lower > -kInfinity || args.upper < kInfinity;
  constexpr int kWhole = kHalf ? kVectors - 1 : kVectors;
  StripPlace at{args.in, args.residual, args.out};
  const float* ahead = args.ahead;
  for (int64_t left = args.strips; left > 0; --left) {
    Vec sum[kPixels][kVectors];
    ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) {
      ORTOLAN_UNROLL for (int v = 0; v < kVectors; ++v) sum[p][v] = LoadBlock(args.bias + v * kBlock);
    }
    if (args.goes_on) {
      ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) {
        ORTOLAN_UNROLL for (int v = 0; v < kVectors; ++v) {
          sum[p][v] = LoadBlock(at.out + p * kBlock + v * block_stride);
        }
      }
    }
    Half half[kPixels];
    if constexpr (kHalf) {
      ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) half[p] = FirstHalf(sum[p][kWhole]);
    }
    for (const ReductionStep* step = steps; step != end; ++step) {
      const float* in = at.in + step->in_offset;
      const float* weight = weights + static_cast<int64_t>(step->k) * (kVectors * kBlock);
      const float* const in_end = in + step->count;
      for (int64_t line = args.ahead_lines; line > 0; --line, ahead += kLineFloats)
        __builtin_prefetch(ahead, 0, 2);
      do {
        Vec w[kVectors];
        Half half_w;
        ORTOLAN_UNROLL for (int v = 0; v < kWhole; ++v) {
          w[v] = LoadBlock(weight + v * kBlock);
          ORTOLAN_IN_REGISTER(w[v]);
        }
        if constexpr (kHalf) {
          half_w = LoadHalf(weight + kWhole * kBlock);
          ORTOLAN_IN_REGISTER(half_w);
        }
        ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) {
          const Vec x = Spread(in[p * stride]);
          ORTOLAN_UNROLL for (int v = 0; v < kWhole; ++v) sum[p][v] = Fma(x, w[v], sum[p][v]);
          if constexpr (kHalf) half[p] = Fma(FirstHalf(x), half_w, half[p]);
        }
        weight += kVectors * kBlock;
      } while (++in != in_end);
    }
    if constexpr (kHalf) {
      ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) sum[p][kWhole] = WithZeros(half[p]);
    }
    if (at.residual) {
      ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) {
        ORTOLAN_UNROLL for (int v = 0; v < kVectors; ++v) {
          sum[p][v] = sum[p][v] + LoadBlock(at.residual + p * kBlock + v * block_stride);
        }
      }
      at.residual += kPixels * kBlock;
    }
    if (bounded) {
      const Vec lower = Spread(args.lower), upper = Spread(args.upper);
      ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) {
        ORTOLAN_UNROLL for (int v = 0; v < kVectors; ++v) sum[p][v] = Clamp(sum[p][v], lower, upper);
      }
    }
    ORTOLAN_UNROLL for (int p = 0; p < kPixels; ++p) {
      ORTOLAN_UNROLL for (int v = 0; v < kVectors; ++v) {
        StoreBlock(at.out + p * kBlock + v * block_stride, sum[p][v]);
      }
    }
    at.in += kPixels * stride;
    at.out += kPixels * kBlock;
  }
}

template <int kPixels, int kVectors, int kStride>
constexpr void FillStrips(StripTable& table) {
  table.strips[kVectors - 1][kPixels - 1] = Strip<kPixels, kVectors, kStride, false>;
  if constexpr (kHasHalves) table.halves[kVectors - 1][kPixels - 1] = Strip<kPixels, kVectors, kStride, true>;
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
