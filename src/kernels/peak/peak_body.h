// Twelve independent chains cover the latency of the instruction (4 cycles at two a cycle need 8) and leave
// registers for nothing else to spill.
#include "simd/vec.h"

namespace ortolan::kernels {
namespace {

// The operations done. `start` keeps the compiler from working the chains out; `sink` keeps it from dropping
// them.
double FmaChains(long turns, float start, float* sink) {
  constexpr int kChains = 12;
  F32 sums[kChains];
  for (F32& sum : sums) sum = Set(start);
  const F32 x = Set(start + 0.5f);
  for (long t = 0; t < turns; ++t) {
    sums[0] = Fma(sums[0], x, x);
    sums[1] = Fma(sums[1], x, x);
    sums[2] = Fma(sums[2], x, x);
    sums[3] = Fma(sums[3], x, x);
    sums[4] = Fma(sums[4], x, x);
    sums[5] = Fma(sums[5], x, x);
    sums[6] = Fma(sums[6], x, x);
    sums[7] = Fma(sums[7], x, x);
    sums[8] = Fma(sums[8], x, x);
    sums[9] = Fma(sums[9], x, x);
    sums[10] = Fma(sums[10], x, x);
    sums[11] = Fma(sums[11], x, x);
  }
  F32 total = sums[0];
  for (int i = 1; i < kChains; ++i) total = total + sums[i];
  *sink = ReduceAdd(total);
  return 2.0 * kChains * kLanes * static_cast<double>(turns);
}

}  // namespace
}  // namespace ortolan::kernels
