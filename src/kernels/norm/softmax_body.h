// Softmax over rows and over columns, written once over simd/vec.h and compiled by each ISA unit.
//
// Three passes, the largest element, the exponentials and their sum, the division: the exponential of an
// element is the costly part and is taken once. What one call works on is small enough to stay in L1 or L2
// between passes.
#pragma once

#include "kernels/norm/norm_kernel.h"
#include "kernels/norm/take.h"
#include "simd/math.h"
#include "simd/vec.h"

namespace ortolan::kernels {
namespace {

// The first n lanes, minus infinity in the others: they take no part in a maximum and their exponential is
// zero.
inline F32 LoadOrLeast(const float* x, int64_t n) {
  return Select(FirstN(n), LoadN(x, n), Set(-__builtin_inff()));
}

inline float RowMax(const float* x, int64_t count) {
  F32 a = Set(-__builtin_inff()), b = a;
  int64_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    a = Max(Load(x + i), a);
    b = Max(Load(x + i + kLanes), b);
  }
  for (; i < count; i += kLanes) a = Max(LoadOrLeast(x + i, count - i), a);
  return ReduceMax(Max(a, b));
}

// A row of one vector: nothing leaves the registers.
inline void ShortSoftmaxRow(const float* x, float* y, int64_t count, bool log) {
  const F32 row = LoadOrLeast(x, count);
  const F32 moved = row - Set(ReduceMax(row));
  const F32 power = Select(FirstN(count), Exp(moved), Zero());
  const F32 sum = Set(ReduceAdd(power));
  StoreN(y, log ? moved - Log(sum) : power / sum, count);
}

inline void SoftmaxRow(const float* x, float* y, int64_t count) {
  const F32 most = Set(RowMax(x, count));
  F32 sum = Zero(), sum2 = Zero();
  int64_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    const F32 a = Exp(Load(x + i) - most);
    const F32 b = Exp(Load(x + i + kLanes) - most);
    Store(y + i, a);
    Store(y + i + kLanes, b);
    sum = sum + a;
    sum2 = sum2 + b;
  }
  for (; i < count; i += kLanes) {
    const int64_t n = count - i;
    const F32 a = Select(FirstN(n), Exp(LoadN(x + i, n) - most), Zero());
    StoreN(y + i, a, n < kLanes ? n : kLanes);
    sum = sum + a;
  }
  const F32 factor = Set(1.0f / ReduceAdd(sum + sum2));
  for (i = 0; i + kLanes <= count; i += kLanes) Store(y + i, Load(y + i) * factor);
  if (i < count) StoreN(y + i, LoadN(y + i, count - i) * factor, count - i);
}

inline void LogSoftmaxRow(const float* x, float* y, int64_t count) {
  const F32 most = Set(RowMax(x, count));
  F32 sum = Zero();
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t n = count - i;
    sum = sum + Select(FirstN(n), Exp(LoadN(x + i, n < kLanes ? n : kLanes) - most), Zero());
  }
  const F32 shift = Log(Set(ReduceAdd(sum)));
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t n = count - i < kLanes ? count - i : kLanes;
    StoreN(y + i, LoadN(x + i, n) - most - shift, n);
  }
}

void SoftmaxRows(const float* x, float* y, int64_t rows, int64_t count, bool log) {
  for (int64_t i = 0; i < rows; ++i, x += count, y += count) {
    if (count <= kLanes) {
      ShortSoftmaxRow(x, y, count, log);
    } else if (log) {
      LogSoftmaxRow(x, y, count);
    } else {
      SoftmaxRow(x, y, count);
    }
  }
}

inline void FillRow(float* y, int64_t count, float value) {
  for (int64_t i = 0; i < count; ++i) y[i] = value;
}

// e^(x - most) where only its size beside 1 counts.
inline F32 Likelihood(F32 x, F32 most) {
  const F32 y = (x - most) * Set(1.44269504f);
  const F32 power = FastExp2(Max(Set(-126.0f), y));  // in this order NaN stays NaN
  return Select(Less(y, Set(-126.0f)), Zero(), power);
}

void SoftmaxScores(const ScoreRows& work) {
  const int64_t count = work.count;
  const float* mask = work.mask;
  float* x = work.scores;
  for (int64_t row = 0; row < work.rows; ++row, x += work.stride) {
    F32 a = Set(-__builtin_inff());
    if (mask != nullptr) {
      int64_t i = 0;
      for (; i + kLanes <= count; i += kLanes) {
        const F32 sum = Load(x + i) + Load(mask + i);
        Store(x + i, sum);
        a = Max(sum, a);
      }
      if (i < count) {
        const F32 sum = LoadOrLeast(x + i, count - i) + LoadN(mask + i, count - i);
        StoreN(x + i, sum, count - i);
        a = Max(sum, a);
      }
      mask += work.mask_stride;
    } else {
      int64_t i = 0;
      for (; i + kLanes <= count; i += kLanes) a = Max(Load(x + i), a);
      if (i < count) a = Max(LoadOrLeast(x + i, count - i), a);
    }
    const float largest = ReduceMax(a);
    const float nan = work.nan_is_zero ? 0.0f : __builtin_nanf("");
    if (largest == -__builtin_inff()) {
      bool any_nan = false;
      for (int64_t j = 0; j < count; ++j) any_nan = any_nan || x[j] != x[j];
      FillRow(x, count, any_nan ? nan : work.unseen);
      continue;
    }
    const F32 most = Set(largest);
    F32 sum = Zero(), sum2 = Zero();
    int64_t i = 0;
    for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
      const F32 p = Likelihood(Load(x + i), most);
      const F32 q = Likelihood(Load(x + i + kLanes), most);
      Store(x + i, p);
      Store(x + i + kLanes, q);
      sum = sum + p;
      sum2 = sum2 + q;
    }
    for (; i < count; i += kLanes) {
      const int64_t n = count - i;
      const F32 p = Select(FirstN(n), Likelihood(LoadN(x + i, n), most), Zero());
      StoreN(x + i, p, n < kLanes ? n : kLanes);
      sum = sum + p;
    }
    const float total = ReduceAdd(sum + sum2);
    if (total != total) {
      FillRow(x, count, nan);
      continue;
    }
    const F32 factor = Set(1.0f / total);
    for (i = 0; i + kLanes <= count; i += kLanes) Store(x + i, Load(x + i) * factor);
    if (i < count) StoreN(x + i, LoadN(x + i, count - i) * factor, count - i);
  }
}

// kVectors vectors of columns at a time, every lane a softmax of its own. Only a single vector may be
// narrower than its lanes: `columns` of them.
template <int kVectors, bool kWhole, bool kLog>
void SoftmaxStrip(const float* x, float* y, int64_t count, int64_t stride, int64_t columns) {
  static_assert(kWhole || kVectors == 1);
  F32 most[kVectors], sum[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    most[v] = Set(-__builtin_inff());
    sum[v] = Zero();
  }
  for (int64_t i = 0; i < count; ++i) {
    for (int v = 0; v < kVectors; ++v)
      most[v] = Max(Take<kWhole>(x + i * stride + v * kLanes, columns), most[v]);
  }
  for (int64_t i = 0; i < count; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      const F32 power = Exp(Take<kWhole>(x + i * stride + v * kLanes, columns) - most[v]);
      sum[v] = sum[v] + power;
      if constexpr (!kLog) Put<kWhole>(y + i * stride + v * kLanes, power, columns);
    }
  }
  for (int v = 0; v < kVectors; ++v) sum[v] = kLog ? most[v] + Log(sum[v]) : Set(1.0f) / sum[v];
  for (int64_t i = 0; i < count; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      const float* from = (kLog ? x : y) + i * stride + v * kLanes;
      const F32 item = Take<kWhole>(from, columns);
      Put<kWhole>(y + i * stride + v * kLanes, kLog ? item - sum[v] : item * sum[v], columns);
    }
  }
}

template <bool kLog>
void SoftmaxColumnsOf(const float* x, float* y, int64_t count, int64_t stride, int64_t columns) {
  // Two vectors hide the latency of the additions; a strip of them and 4,000 elements deep still fits L2.
  constexpr int64_t kWide = 2 * kLanes;
  int64_t j = 0;
  for (; j + kWide <= columns; j += kWide) SoftmaxStrip<2, true, kLog>(x + j, y + j, count, stride, kWide);
  for (; j + kLanes <= columns; j += kLanes) SoftmaxStrip<1, true, kLog>(x + j, y + j, count, stride, kLanes);
  if (j < columns) SoftmaxStrip<1, false, kLog>(x + j, y + j, count, stride, columns - j);
}

void SoftmaxColumns(const float* x, float* y, int64_t count, int64_t stride, int64_t columns, bool log) {
  if (log) {
    SoftmaxColumnsOf<true>(x, y, count, stride, columns);
  } else {
    SoftmaxColumnsOf<false>(x, y, count, stride, columns);
  }
}

}  // namespace
}  // namespace ortolan::kernels
