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

// 2^y for y <= 0 where only its size beside 1 counts. Zero from -127 on: there the power of two that
// FastExp2's vectors make has no bit set in exponent and fraction.
inline F32 Likelihood(F32 y) {
  const F32 power = FastExp2(Max(Set(-127.0f), y));  // in this order NaN stays NaN
  return kLanes == 1 ? Select(LessEqual(y, Set(-127.0f)), Zero(), power) : power;
}
constexpr float kLog2E = 1.44269504f;

// 2^((x - most) * scale) in place; their sum. Not x * scale - most * scale: that rounds by what a large score
// is, not by how far it is from the largest.
inline float ScorePowers(float* x, float scale, float most, int64_t count) {
  const F32 factor = Set(scale), largest = Set(most);
  F32 sum = Zero(), sum2 = Zero();
  int64_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    const F32 p = Likelihood((Load(x + i) - largest) * factor);
    const F32 q = Likelihood((Load(x + i + kLanes) - largest) * factor);
    Store(x + i, p);
    Store(x + i + kLanes, q);
    sum = sum + p;
    sum2 = sum2 + q;
  }
  for (; i < count; i += kLanes) {
    const int64_t n = count - i < kLanes ? count - i : kLanes;
    const F32 p = Select(FirstN(n), Likelihood((LoadN(x + i, n) - largest) * factor), Zero());
    StoreN(x + i, p, n);
    sum = sum + p;
  }
  return ReduceAdd(sum + sum2);
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
    const float total = ScorePowers(x, kLog2E, largest, count);
    if (total != total) {
      FillRow(x, count, nan);
      continue;
    }
    const F32 factor = Set(1.0f / total);
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) Store(x + i, Load(x + i) * factor);
    if (i < count) StoreN(x + i, LoadN(x + i, count - i) * factor, count - i);
  }
}

// Masked scores take the place of scores; the largest of the row comes back. No NaN counts.
inline float LargestScore(float* x, const float* mask, float scale, int64_t count) {
  F32 a = Set(-__builtin_inff()), b = a;
  int64_t i = 0;
  if (mask == nullptr) {
    for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
      a = Max(Load(x + i), a);
      b = Max(Load(x + i + kLanes), b);
    }
    for (; i < count; i += kLanes) a = Max(LoadOrLeast(x + i, count - i), a);
    return ReduceMax(Max(a, b));
  }
  const F32 factor = Set(scale);
  for (; i + kLanes <= count; i += kLanes) {
    const F32 sum = Fma(Load(x + i), factor, Load(mask + i));
    Store(x + i, sum);
    a = Max(sum, a);
  }
  if (i < count) {
    const int64_t n = count - i;
    const F32 sum = Fma(LoadN(x + i, n), factor, LoadN(mask + i, n));
    StoreN(x + i, sum, n);
    a = Max(Select(FirstN(n), sum, a), a);
  }
  return ReduceMax(a);
}

inline void ScaleRow(float* y, float factor, int64_t count) {
  const F32 f = Set(factor);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) Store(y + i, Load(y + i) * f);
  if (i < count) StoreN(y + i, LoadN(y + i, count - i) * f, count - i);
}

// The largest of a row first for all rows, then the powers: so the end of one row's chain of comparisons
// passes while the next row's runs.
void SoftmaxBlock(const ScoreBlock& work) {
  constexpr int64_t kMostRows = 16;
  const float scale = (work.mask == nullptr ? work.scale : 1.0f) * kLog2E;
  for (int64_t first = 0; first < work.rows; first += kMostRows) {
    const int64_t rows = work.rows - first < kMostRows ? work.rows - first : kMostRows;
    float largest[kMostRows];
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t row = first + i, begin = work.begin[row], count = work.end[row] - begin;
      const float* mask = work.mask != nullptr && count > 0 ? work.mask[row] + begin : nullptr;
      largest[i] = LargestScore(work.scores + row * work.stride + begin, mask, work.scale, count);
    }
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t row = first + i, begin = work.begin[row], end = work.end[row];
      float* const x = work.scores + row * work.stride;
      FillRow(x, begin, 0.0f);
      FillRow(x + end, work.width - end, 0.0f);
      const float before = work.most[row];
      const float most = largest[i] > before ? largest[i] : before;
      const bool none = most == -__builtin_inff();  // so far; NaN and minus infinity still come out right
      const float sum = ScorePowers(x + begin, scale, none ? 0.0f : most, end - begin);
      if (most > before && (work.values != nullptr || work.sum[row] != 0)) {
        const float factor = ReduceMax(Likelihood(Set((before - most) * scale)));
        if (work.values != nullptr) ScaleRow(work.values + row * work.values_stride, factor, work.value_size);
        work.sum[row] *= factor;
      }
      work.sum[row] += sum;
      work.most[row] = most;
    }
  }
}

void DivideValues(const ValueRows& work) {
  for (int64_t row = 0; row < work.rows; ++row) {
    float* const y = work.values + row * work.stride;
    const float sum = work.sum[row];
    if (sum > 0) {
      ScaleRow(y, 1.0f / sum, work.size);
    } else if (sum == 0) {
      FillRow(y, work.size, work.unseen);
    } else {
      FillRow(y, work.size, work.nan_is_zero ? 0.0f : __builtin_nanf(""));
    }
  }
}

// NaN and infinity times zero are NaN, and stay in the sum.
float LargestSize(const float* x, int64_t rows, int64_t stride, int64_t columns) {
  F32 a = Zero(), b = Zero(), odd = Zero(), odd2 = Zero();
  for (int64_t r = 0; r < rows; ++r, x += stride) {
    int64_t i = 0;
    for (; i + 2 * kLanes <= columns; i += 2 * kLanes) {
      const F32 p = Load(x + i), q = Load(x + i + kLanes);
      a = Max(Abs(p), a);
      b = Max(Abs(q), b);
      odd = Fma(p, Zero(), odd);
      odd2 = Fma(q, Zero(), odd2);
    }
    for (; i < columns; i += kLanes) {
      const F32 p = LoadN(x + i, columns - i < kLanes ? columns - i : kLanes);
      a = Max(Abs(p), a);
      odd = Fma(p, Zero(), odd);
    }
  }
  return ReduceAdd(odd + odd2) == 0 ? ReduceMax(Max(a, b)) : __builtin_inff();
}

template <int kVectors>
inline bool AllBelow(const float* x, float least) {
  const F32 limit = Set(least);
  F32 seen = Zero();
  for (int i = 0; i < kVectors; ++i)
    seen = Max(Select(Less(Load(x + i * kLanes), limit), Zero(), Set(1.0f)), seen);
  return ReduceMax(seen) == 0;
}

void CutEnds(const float* x, float least, int64_t* begin, int64_t* end) {
  constexpr int kVectors = 4;
  int64_t from = *begin, to = *end;
  while (to - from >= kVectors * kLanes && AllBelow<kVectors>(x + to - kVectors * kLanes, least))
    to -= kVectors * kLanes;
  while (to - from >= kLanes && AllBelow<1>(x + to - kLanes, least)) to -= kLanes;
  while (to > from && x[to - 1] < least) --to;
  while (to - from >= kVectors * kLanes && AllBelow<kVectors>(x + from, least)) from += kVectors * kLanes;
  while (to - from >= kLanes && AllBelow<1>(x + from, least)) from += kLanes;
  while (to > from && x[from] < least) ++from;
  *begin = from, *end = to;
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
