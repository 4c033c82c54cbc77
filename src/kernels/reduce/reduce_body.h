// The float reductions, written once over simd/vec.h and compiled by each ISA unit.
#pragma once

#include "kernels/reduce/reduce_kernel.h"
#include "simd/math.h"
#include "simd/vec.h"

namespace ortolan::kernels {
namespace {

// Elements of a row that are summed in float before the sum goes to double: with 4 vectors of 16 lanes each
// lane adds 64 numbers, an error of at most 64 * 2^-24 and usually 8 * 2^-24.
constexpr int64_t kRowBlock = 4096;
// The same for a column.
constexpr int64_t kColumnBlock = 64;

template <Fold kFold>
inline F32 Identity() {
  if constexpr (kFold == Fold::kMax) return Set(-__builtin_inff());
  if constexpr (kFold == Fold::kMin) return Set(__builtin_inff());
  return Zero();
}

// Max and Min of vec.h give their second operand where either is NaN: a NaN that comes in is taken, one that
// is there already has to be kept by hand.
template <Fold kFold>
inline F32 Step(F32 sum, F32 x, F32 shift) {
  if constexpr (kFold == Fold::kSum) return sum + x;
  if constexpr (kFold == Fold::kSumAbs) return sum + Abs(x);
  if constexpr (kFold == Fold::kSumSquare) return Fma(x, x, sum);
  if constexpr (kFold == Fold::kSumExp) return sum + Exp(x - shift);
  if constexpr (kFold == Fold::kMax) return Select(IsNan(sum), sum, Max(sum, x));
  return Select(IsNan(sum), sum, Min(sum, x));
}

template <Fold kFold>
inline double Join(double a, double b) {
  if constexpr (kFold == Fold::kMax) return a != a || a > b ? a : b;
  if constexpr (kFold == Fold::kMin) return a != a || a < b ? a : b;
  return a + b;
}

// Sums of lanes are added in double.
inline double SumLanes(F32 a) {
#if defined(__AVX512F__)
  const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(a.v));
  const __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(a.v, 1));
  return _mm512_reduce_add_pd(_mm512_add_pd(low, high));
#elif defined(__AVX2__)
  const __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(a.v));
  const __m256d four = _mm256_add_pd(low, _mm256_cvtps_pd(_mm256_extractf128_ps(a.v, 1)));
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
#elif defined(ORTOLAN_NEON)
  return vaddvq_f64(vaddq_f64(vcvt_f64_f32(vget_low_f32(a.v)), vcvt_high_f64_f32(a.v)));
#else
  return static_cast<double>(a.v);
#endif
}

// The largest or least of a row. Max and Min of vec.h give their second operand where either is NaN, so the
// sums never are; a NaN is put by, which keeps it out of the chain from step to step.
template <Fold kFold>
double ExtremeOf(const float* x, int64_t count) {
  const auto better = [](F32 one, F32 sum) { return kFold == Fold::kMax ? Max(one, sum) : Min(one, sum); };
  F32 a = Identity<kFold>(), b = a, c = a, d = a, seen = a;
  const auto take = [&](F32 one, F32 & sum) __attribute__((always_inline)) {
    sum = better(one, sum);
    seen = Select(IsNan(one), one, seen);
  };
  int64_t i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
    take(Load(x + i), a);
    take(Load(x + i + kLanes), b);
    take(Load(x + i + 2 * kLanes), c);
    take(Load(x + i + 3 * kLanes), d);
  }
  for (; i + kLanes <= count; i += kLanes) take(Load(x + i), a);
  if (i < count) take(Select(FirstN(count - i), LoadN(x + i, count - i), Identity<kFold>()), b);
  if (Any(IsNan(seen))) return __builtin_nan("");
  const F32 all = better(better(a, b), better(c, d));
  return static_cast<double>(kFold == Fold::kMax ? ReduceMax(all) : ReduceMin(all));
}

// The last vector of a row reads only what there is, the other lanes keep the identity.
template <Fold kFold>
double RowOf(const float* x, int64_t count, float shift_value) {
  if constexpr (kFold == Fold::kMax || kFold == Fold::kMin) return ExtremeOf<kFold>(x, count);
  const F32 shift = Set(shift_value);
  double total = 0;
  for (int64_t begin = 0; begin < count; begin += kRowBlock) {
    const int64_t end = count - begin < kRowBlock ? count : begin + kRowBlock;
    F32 a = Identity<kFold>(), b = a, c = a, d = a;
    int64_t i = begin;
    for (; i + 4 * kLanes <= end; i += 4 * kLanes) {
      a = Step<kFold>(a, Load(x + i), shift);
      b = Step<kFold>(b, Load(x + i + kLanes), shift);
      c = Step<kFold>(c, Load(x + i + 2 * kLanes), shift);
      d = Step<kFold>(d, Load(x + i + 3 * kLanes), shift);
    }
    for (; i + kLanes <= end; i += kLanes) a = Step<kFold>(a, Load(x + i), shift);
    if (i < end) b = Select(FirstN(end - i), Step<kFold>(b, LoadN(x + i, end - i), shift), b);
    total += SumLanes((a + b) + (c + d));
  }
  return total;
}

template <Fold kFold, int kVectors>
void ColumnStrip(const float* x, int64_t rows, int64_t stride, int64_t columns, const float* shift,
                 double* accumulators) {
  F32 moved[kVectors], sum[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    moved[v] = shift != nullptr ? LoadN(shift + v * kLanes, columns - v * kLanes) : Zero();
  }
  for (int64_t begin = 0; begin < rows; begin += kColumnBlock) {
    const int64_t end = rows - begin < kColumnBlock ? rows : begin + kColumnBlock;
    for (int v = 0; v < kVectors; ++v) sum[v] = Identity<kFold>();
    if (columns == kVectors * kLanes) {
      for (int64_t i = begin; i < end; ++i) {
        for (int v = 0; v < kVectors; ++v)
          sum[v] = Step<kFold>(sum[v], Load(x + i * stride + v * kLanes), moved[v]);
      }
    } else {
      for (int64_t i = begin; i < end; ++i) {
        for (int v = 0; v < kVectors; ++v) {
          sum[v] = Step<kFold>(sum[v], LoadN(x + i * stride + v * kLanes, columns - v * kLanes), moved[v]);
        }
      }
    }
    float lanes[kVectors * kLanes];
    for (int v = 0; v < kVectors; ++v) Store(lanes + v * kLanes, sum[v]);
    for (int64_t j = 0; j < columns; ++j)
      accumulators[j] = Join<kFold>(accumulators[j], static_cast<double>(lanes[j]));
  }
}

template <Fold kFold>
void ColumnsOf(const float* x, int64_t rows, int64_t stride, int64_t columns, const float* shift,
               double* accumulators) {
  constexpr int64_t kWide = 4 * kLanes;
  int64_t j = 0;
  for (; j + kWide <= columns; j += kWide) {
    ColumnStrip<kFold, 4>(x + j, rows, stride, kWide, shift != nullptr ? shift + j : nullptr,
                          accumulators + j);
  }
  for (; j < columns; j += kLanes) {
    const int64_t left = columns - j < kLanes ? columns - j : kLanes;
    ColumnStrip<kFold, 1>(x + j, rows, stride, left, shift != nullptr ? shift + j : nullptr,
                          accumulators + j);
  }
}

double Row(Fold fold, const float* x, int64_t count, float shift) {
  switch (fold) {
    case Fold::kSum:
      return RowOf<Fold::kSum>(x, count, shift);
    case Fold::kSumAbs:
      return RowOf<Fold::kSumAbs>(x, count, shift);
    case Fold::kSumSquare:
      return RowOf<Fold::kSumSquare>(x, count, shift);
    case Fold::kSumExp:
      return RowOf<Fold::kSumExp>(x, count, shift);
    case Fold::kMax:
      return RowOf<Fold::kMax>(x, count, shift);
    case Fold::kMin:
      return RowOf<Fold::kMin>(x, count, shift);
    case Fold::kProduct:
      break;
  }
  double product = 1;
  for (int64_t i = 0; i < count; ++i) product *= static_cast<double>(x[i]);
  return product;
}

void Columns(Fold fold, const float* x, int64_t rows, int64_t stride, int64_t columns, const float* shift,
             double* accumulators) {
  switch (fold) {
    case Fold::kSum:
      return ColumnsOf<Fold::kSum>(x, rows, stride, columns, shift, accumulators);
    case Fold::kSumAbs:
      return ColumnsOf<Fold::kSumAbs>(x, rows, stride, columns, shift, accumulators);
    case Fold::kSumSquare:
      return ColumnsOf<Fold::kSumSquare>(x, rows, stride, columns, shift, accumulators);
    case Fold::kSumExp:
      return ColumnsOf<Fold::kSumExp>(x, rows, stride, columns, shift, accumulators);
    case Fold::kMax:
      return ColumnsOf<Fold::kMax>(x, rows, stride, columns, shift, accumulators);
    case Fold::kMin:
      return ColumnsOf<Fold::kMin>(x, rows, stride, columns, shift, accumulators);
    case Fold::kProduct:
      break;
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) accumulators[j] *= static_cast<double>(x[i * stride + j]);
  }
}

}  // namespace
}  // namespace ortolan::kernels
