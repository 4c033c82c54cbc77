// The kernels over lines, written once over simd/vec.h and compiled by each ISA unit.
#pragma once

#include "kernels/line/line_kernel.h"
#include "simd/vec.h"

namespace ortolan::kernels {
namespace {

// Left to the compiler, which has vectors of doubles.
void Eliminate(const double* factors, const double* __restrict__ x, double* __restrict__ y, int64_t rows,
               int64_t stride, int64_t n) {
  for (int64_t r = 0; r < rows; ++r) {
    const double factor = factors[r];
    double* own = y + r * stride;
    for (int64_t i = 0; i < n; ++i) own[i] -= factor * x[i];
  }
}

template <int kVectors>
inline void LoadStrip(const float* p, int64_t left, F32* to) {
  for (int v = 0; v < kVectors; ++v) {
    const int64_t rest = left - v * kLanes;
    to[v] = rest >= kLanes ? Load(p + v * kLanes) : LoadN(p + v * kLanes, rest < 0 ? 0 : rest);
  }
}
template <int kVectors>
inline void StoreStrip(float* p, int64_t left, const F32* from) {
  for (int v = 0; v < kVectors; ++v) {
    const int64_t rest = left - v * kLanes;
    if (rest >= kLanes) {
      Store(p + v * kLanes, from[v]);
    } else if (rest > 0) {
      StoreN(p + v * kLanes, from[v], rest);
    }
  }
}

// Vectors of a strip of columns, whose sums stay in registers over all rows.
constexpr int kStrip = 4;

template <int kVectors>
void CombineStrip(const float* factors, const float* x, int64_t rows, int64_t n, int64_t left, float* y) {
  F32 sum[kVectors], item[kVectors];
  for (int v = 0; v < kVectors; ++v) sum[v] = Zero();
  for (int64_t r = 0; r < rows; ++r, x += n) {
    const F32 factor = Set(factors[r]);
    LoadStrip<kVectors>(x, left, item);
    for (int v = 0; v < kVectors; ++v) sum[v] = Fma(factor, item[v], sum[v]);
  }
  StoreStrip<kVectors>(y, left, sum);
}

void Combine(const float* factors, const float* x, int64_t rows, int64_t n, float* y) {
  int64_t i = 0;
  for (; i + kStrip * kLanes <= n; i += kStrip * kLanes)
    CombineStrip<kStrip>(factors, x + i, rows, n, kStrip * kLanes, y + i);
  for (; i < n; i += kLanes) CombineStrip<1>(factors, x + i, rows, n, n - i, y + i);
}

template <int kVectors>
void StepStrip(const StateStep& step, int64_t first, int64_t left) {
  F32 sum[kVectors], value[kVectors], item[kVectors];
  LoadStrip<kVectors>(step.value + first, left, value);
  for (int v = 0; v < kVectors; ++v) sum[v] = Zero();
  float* row = step.state + first;
  for (int64_t d = 0; d < step.keys; ++d, row += step.values) {
    const F32 decay = Set(step.decay[d]), key = Set(step.key[d]), query = Set(step.query[d]);
    LoadStrip<kVectors>(row, left, item);
    for (int v = 0; v < kVectors; ++v) {
      item[v] = Fma(key, value[v], decay * item[v]);
      sum[v] = Fma(query, item[v], sum[v]);
    }
    StoreStrip<kVectors>(row, left, item);
  }
  StoreStrip<kVectors>(step.out + first, left, sum);
}

void StepState(const StateStep& step) {
  int64_t i = 0;
  for (; i + kStrip * kLanes <= step.values; i += kStrip * kLanes)
    StepStrip<kStrip>(step, i, kStrip * kLanes);
  for (; i < step.values; i += kLanes) StepStrip<1>(step, i, step.values - i);
}

template <int kVectors>
void BlendStrip(const float* const* rows, const float* weights, int64_t count, int64_t first, int64_t left,
                bool add, float* y) {
  F32 sum[kVectors], item[kVectors];
  if (add) {
    LoadStrip<kVectors>(y + first, left, sum);
  } else {
    for (int v = 0; v < kVectors; ++v) sum[v] = Zero();
  }
  for (int64_t r = 0; r < count; ++r) {
    const F32 weight = Set(weights[r]);
    LoadStrip<kVectors>(rows[r] + first, left, item);
    for (int v = 0; v < kVectors; ++v) sum[v] = Fma(weight, item[v], sum[v]);
  }
  StoreStrip<kVectors>(y + first, left, sum);
}

void Blend(const float* const* rows, const float* weights, int64_t count, int64_t n, bool add, float* y) {
  int64_t i = 0;
  for (; i + kStrip * kLanes <= n; i += kStrip * kLanes)
    BlendStrip<kStrip>(rows, weights, count, i, kStrip * kLanes, add, y);
  for (; i < n; i += kLanes) BlendStrip<1>(rows, weights, count, i, n - i, add, y);
}

bool Overlaps(const BoxLines& boxes, int64_t count, const float* box, float area, float threshold) {
  const F32 x1 = Set(box[0]), y1 = Set(box[1]), x2 = Set(box[2]), y2 = Set(box[3]);
  const F32 own = Set(area), limit = Set(threshold), zero = Zero();
  if (!(area > 0)) return false;
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t left = count - i < kLanes ? count - i : kLanes;
    const F32 width = Min(x2, LoadN(boxes.x2 + i, left)) - Max(x1, LoadN(boxes.x1 + i, left));
    const F32 height = Min(y2, LoadN(boxes.y2 + i, left)) - Max(y1, LoadN(boxes.y1 + i, left));
    const F32 other = LoadN(boxes.area + i, left);
    const F32 shared = width * height;
    // Lanes beyond the last have an area of zero, which shares nothing.
    const F32 share = Select(Less(zero, other), shared / (own + other - shared), zero);
    const F32 met = Select(Less(zero, width), Select(Less(zero, height), share, zero), zero);
    // A zero from here on means no overlap even where the threshold is zero.
    if (Any(Less(limit, met))) return true;
  }
  return false;
}

}  // namespace
}  // namespace ortolan::kernels
