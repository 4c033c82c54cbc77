// Normalisations, written once over simd/vec.h and compiled by each ISA unit.
#pragma once

#include "kernels/norm/norm_kernel.h"
#include "kernels/norm/take.h"
#include "simd/vec.h"

namespace ortolan::kernels {
namespace {

void Affine(const float* x, float* y, int64_t count, float scale, float shift) {
  const F32 a = Set(scale), b = Set(shift);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) Store(y + i, Fma(Load(x + i), a, b));
  if (i < count) StoreN(y + i, Fma(LoadN(x + i, count - i), a, b), count - i);
}

void AffineEach(const float* x, float* y, int64_t count, const float* scale, const float* shift) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) Store(y + i, Fma(Load(x + i), Load(scale + i), Load(shift + i)));
  if (i < count) {
    const int64_t n = count - i;
    StoreN(y + i, Fma(LoadN(x + i, n), LoadN(scale + i, n), LoadN(shift + i, n)), n);
  }
}

struct RowSums {
  double sum, squares;  // of x - shift
};

// One pass for both sums. The shift, any element of the row, keeps the squares from cancelling where the mean
// is large beside the deviation. Blocks of 1024 go to double, so that long rows stay exact.
template <bool kCenter>
RowSums SumRow(const float* x, int64_t count, float shift_value) {
  constexpr int64_t kBlock = 1024;
  const F32 shift = Set(shift_value);
  RowSums total{0, 0};
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t end = count - begin < kBlock ? count : begin + kBlock;
    F32 sum = Zero(), sum2 = Zero(), squares = Zero(), squares2 = Zero();
    int64_t i = begin;
    for (; i + 2 * kLanes <= end; i += 2 * kLanes) {
      const F32 a = kCenter ? Load(x + i) - shift : Load(x + i);
      const F32 b = kCenter ? Load(x + i + kLanes) - shift : Load(x + i + kLanes);
      sum = sum + a;
      sum2 = sum2 + b;
      squares = Fma(a, a, squares);
      squares2 = Fma(b, b, squares2);
    }
    for (; i < end; i += kLanes) {
      const int64_t n = end - i < kLanes ? end - i : kLanes;
      const F32 a = kCenter ? Select(FirstN(n), LoadN(x + i, n) - shift, Zero()) : LoadN(x + i, n);
      sum = sum + a;
      squares = Fma(a, a, squares);
    }
    total.sum += static_cast<double>(ReduceAdd(sum + sum2));
    total.squares += static_cast<double>(ReduceAdd(squares + squares2));
  }
  return total;
}

void Moments(const float* x, int64_t count, double* mean, double* variance) {
  const float shift = count > 0 ? x[0] : 0.0f;
  const RowSums sums = SumRow<true>(x, count, shift);
  const double n = static_cast<double>(count);
  const double moved = sums.sum / n;
  *mean = static_cast<double>(shift) + moved;
  const double spread = sums.squares / n - moved * moved;
  *variance = spread < 0 ? 0 : spread;  // NaN stays NaN
}

template <bool kWhole>
inline void JoinSkip(const LayerNormRow& row, float* sum, int64_t i, int64_t n) {
  F32 joined = Take<kWhole>(row.x + i, n) + Take<kWhole>(row.skip + i, n);
  if (row.skip_bias != nullptr) joined = joined + Take<kWhole>(row.skip_bias + i, n);
  Put<kWhole>(sum + i, joined, n);
}

// (x - mean) first: x * inverse - mean * inverse would cancel where the mean is large.
template <bool kWhole>
inline void Normalize(const LayerNormRow& row, const float* x, F32 shift, F32 factor, int64_t i, int64_t n) {
  F32 item = (Take<kWhole>(x + i, n) - shift) * factor;
  if (row.scale != nullptr) item = item * Take<kWhole>(row.scale + i, n);
  if (row.bias != nullptr) item = item + Take<kWhole>(row.bias + i, n);
  Put<kWhole>(row.y + i, item, n);
}

void LayerNorm(const LayerNormRow& row, float* mean, float* inverse_deviation) {
  const int64_t count = row.count, whole = count - count % kLanes;
  const float* x = row.x;
  if (row.skip != nullptr) {
    float* sum = row.sum != nullptr ? row.sum : row.y;
    for (int64_t i = 0; i < whole; i += kLanes) JoinSkip<true>(row, sum, i, kLanes);
    if (whole < count) JoinSkip<false>(row, sum, whole, count - whole);
    x = sum;
  }
  double center = 0, variance = 0;
  if (row.center) {
    Moments(x, count, &center, &variance);
  } else {
    variance = SumRow<false>(x, count, 0).squares / static_cast<double>(count);
  }
  const float inverse = static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(row.epsilon)));
  const F32 factor = Set(inverse), shift = Set(static_cast<float>(center));
  for (int64_t i = 0; i < whole; i += kLanes) Normalize<true>(row, x, shift, factor, i, kLanes);
  if (whole < count) Normalize<false>(row, x, shift, factor, whole, count - whole);
  *mean = static_cast<float>(center);
  *inverse_deviation = inverse;
}

}  // namespace
}  // namespace ortolan::kernels
