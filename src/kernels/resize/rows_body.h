// Weighted sums of rows, written once.
#include "kernels/resize/rows.h"
#include "simd/vec.h"

namespace ortolan::kernels {
namespace {

// Any number of taps, in the order of their list.
template <int kTaps>
void SumOf(const float* const* rows, const float* weights, int64_t taps, int64_t count, float* out) {
  const int64_t most = kTaps > 0 ? kTaps : taps;
  F32 weight[kTaps > 0 ? kTaps : 1];
  for (int k = 0; k < kTaps; ++k) weight[k] = Set(weights[k]);
  const auto at = [&](int64_t k) { return kTaps > 0 ? weight[k] : Set(weights[k]); };
  int64_t j = 0;
  for (; j + kLanes <= count; j += kLanes) {
    F32 sum = at(0) * Load(rows[0] + j);
    for (int64_t k = 1; k < most; ++k) sum = Fma(at(k), Load(rows[k] + j), sum);
    Store(out + j, sum);
  }
  if (j == count) return;
  F32 sum = at(0) * LoadN(rows[0] + j, count - j);
  for (int64_t k = 1; k < most; ++k) sum = Fma(at(k), LoadN(rows[k] + j, count - j), sum);
  StoreN(out + j, sum, count - j);
}

void SumRows(const float* const* rows, const float* weights, int64_t taps, int64_t count, float* out) {
  if (taps == 2) return SumOf<2>(rows, weights, taps, count, out);
  if (taps == 4) return SumOf<4>(rows, weights, taps, count, out);
  SumOf<0>(rows, weights, taps, count, out);
}

}  // namespace
}  // namespace ortolan::kernels
