// The row kernels of planar pools, written once. Plain loops over single lines, which the compiler makes into
// vectors of the unit's level for each type.
#include "kernels/pool/planar_row.h"
#include "simd/vec.h"

namespace ortolan::kernels {
namespace {

template <typename T>
struct Larger {
  // A NaN is taken and stays.
  static inline T Take(T best, T x) { return x > best || x != x ? x : best; }
};
template <typename T>
struct Added {
  static inline T Take(T sum, T x) { return sum + x; }
};

template <typename Take, typename T>
void CombineLines(const T* a, const T* b, T* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = Take::Take(a[i], b[i]);
}
template <typename Take, typename T>
void CombineThreeLines(const T* a, const T* b, const T* c, T* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = Take::Take(Take::Take(a[i], b[i]), c[i]);
}

// line[begin, end) becomes the reduction over the window's rows.
template <typename Take, typename T>
void ReduceRows(const PlanarRow& row, int64_t begin, int64_t end, T* line) {
  const T* slice = static_cast<const T*>(row.in) + row.first + begin;
  const int64_t count = end - begin, step = row.row_stride;
  T* to = line + begin;
  const T* before = nullptr;
  for (int64_t d = 0; d < row.slices; ++d, slice += row.slice_stride) {
    const T* from = slice;
    int64_t h = 0;
    if (before == nullptr) {
      if (row.rows == 1) {
        for (int64_t i = 0; i < count; ++i) to[i] = from[i];
        h = 1;
      } else if (row.rows == 2) {
        CombineLines<Take>(from, from + step, to, count);
        h = 2;
      } else {
        CombineThreeLines<Take>(from, from + step, from + 2 * step, to, count);
        h = 3;
      }
      before = to;
    }
    for (; h + 2 <= row.rows; h += 2)
      CombineThreeLines<Take>(to, from + h * step, from + (h + 1) * step, to, count);
    if (h < row.rows) CombineLines<Take>(to, from + h * step, to, count);
  }
}

// out[o] = the reduction of taps at line[o + w * step].
template <typename Take, typename T>
void ReduceTaps(const T* line, int64_t step, int64_t taps, T* out, int64_t count) {
  if (taps == 2) return CombineLines<Take>(line, line + step, out, count);
  if (taps == 3) return CombineThreeLines<Take>(line, line + step, line + 2 * step, out, count);
  for (int64_t i = 0; i < count; ++i) out[i] = line[i];
  int64_t w = 1;
  for (; w + 2 <= taps; w += 2)
    CombineThreeLines<Take>(out, line + w * step, line + (w + 1) * step, out, count);
  if (w < taps) CombineLines<Take>(out, line + w * step, out, count);
}

// Every second element: even ones to `even`, odd ones to `odd`.
template <typename T>
void Part(const T* line, int64_t pairs, T* even, T* odd) {
  for (int64_t i = 0; i < pairs; ++i) {
    even[i] = line[2 * i];
    odd[i] = line[2 * i + 1];
  }
}

template <typename Take, typename T>
void PoolPlanarRow(const PlanarRow& row, T neutral, T* out) {
  T line[kPlanarSpan + 2];
  int64_t begin = row.first < 0 ? -row.first : 0;
  int64_t end = row.width - row.first < row.span ? row.width - row.first : row.span;
  if (row.slices <= 0 || row.rows <= 0 || end < begin) begin = end = row.span;
  for (int64_t i = 0; i < begin; ++i) line[i] = neutral;
  if (begin < end) ReduceRows<Take>(row, begin, end, line);
  for (int64_t i = end; i < row.span; ++i) line[i] = neutral;
  if (row.stride == 1) return ReduceTaps<Take>(line, row.dilation, row.taps, out, row.count);
  if (row.stride == 2) {
    T parts[2][kPlanarSpan / 2 + 1];
    line[row.span] = neutral;  // the pair of the last where the span is odd
    Part(line, (row.span + 1) / 2, parts[0], parts[1]);
    if (row.dilation == 1 && row.taps == 3)
      return CombineThreeLines<Take>(parts[0], parts[1], parts[0] + 1, out, row.count);
    if (row.dilation == 1 && row.taps == 2) return CombineLines<Take>(parts[0], parts[1], out, row.count);
    for (int64_t i = 0; i < row.count; ++i) out[i] = parts[0][i];
    for (int64_t w = 1; w < row.taps; ++w) {
      const int64_t at = w * row.dilation;
      CombineLines<Take>(out, parts[at & 1] + at / 2, out, row.count);
    }
    return;
  }
  for (int64_t i = 0; i < row.count; ++i) {
    T best = line[i * row.stride];
    for (int64_t w = 1; w < row.taps; ++w) best = Take::Take(best, line[i * row.stride + w * row.dilation]);
    out[i] = best;
  }
}

void MaxFloat(const PlanarRow& row) {
  PoolPlanarRow<Larger<float>>(row, -__builtin_inff(), static_cast<float*>(row.out));
}
void MaxDouble(const PlanarRow& row) {
  PoolPlanarRow<Larger<double>>(row, -__builtin_inf(), static_cast<double*>(row.out));
}
void MaxInt8(const PlanarRow& row) {
  PoolPlanarRow<Larger<int8_t>>(row, static_cast<int8_t>(-128), static_cast<int8_t*>(row.out));
}
void MaxUInt8(const PlanarRow& row) {
  PoolPlanarRow<Larger<uint8_t>>(row, static_cast<uint8_t>(0), static_cast<uint8_t*>(row.out));
}
void MaxInt32(const PlanarRow& row) {
  PoolPlanarRow<Larger<int32_t>>(row, INT32_MIN, static_cast<int32_t*>(row.out));
}

template <typename T>
void Average(const PlanarRow& row) {
  T* out = static_cast<T*>(row.out);
  PoolPlanarRow<Added<T>>(row, T(0), out);
  const T outer = static_cast<T>(row.outer);
  for (int64_t i = 0; i < row.count; ++i) {
    const T count = static_cast<T>(row.counts[i]) * outer;
    out[i] = count > 0 ? out[i] / count : T(0);
  }
}

float MaxRun(const float* x, int64_t count, float best) {
  int64_t i = 0;
  if (count >= 4 * kLanes) {
    // The instruction gives its second operand where either is NaN: NaNs are remembered apart.
    F32 most[4], strange = Zero();
    for (int k = 0; k < 4; ++k) most[k] = Set(best);
    for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
      for (int k = 0; k < 4; ++k) {
        const F32 item = Load(x + i + k * kLanes);
        most[k] = Max(item, most[k]);
        strange = Select(IsNan(item), item, strange);
      }
    }
    if (Any(IsNan(strange))) return __builtin_nanf("");
    const float run = ReduceMax(Max(Max(most[0], most[1]), Max(most[2], most[3])));
    best = Larger<float>::Take(best, run);
  }
  for (; i < count; ++i) best = Larger<float>::Take(best, x[i]);
  return best;
}

constexpr PlanarPools kPlanarPools{MaxFloat, MaxDouble,      MaxInt8,         MaxUInt8,
                                   MaxInt32, Average<float>, Average<double>, MaxRun};

}  // namespace
}  // namespace ortolan::kernels
