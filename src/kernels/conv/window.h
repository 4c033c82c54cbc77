// Window: how a convolution or a pool slides over its input. Shared by both families and made by
// ops/nn/window.h from attributes and concrete shapes, which also checks it.
#pragma once

#include <cstdint>

namespace ortolan::kernels {

inline constexpr int kSpatialAxes = 3;

// Always three axes (depth, height, width); a problem of lower rank has axes of size 1 in front. Every size
// is at most 2^31, so sums of products of two of them fit in int64.
struct Window {
  int64_t in[kSpatialAxes] = {1, 1, 1};
  int64_t out[kSpatialAxes] = {1, 1, 1};
  int64_t kernel[kSpatialAxes] = {1, 1, 1};
  int64_t stride[kSpatialAxes] = {1, 1, 1};
  int64_t dilation[kSpatialAxes] = {1, 1, 1};
  int64_t pad[kSpatialAxes] = {0, 0, 0};      // before the first element; may be negative (cropping)
  int64_t pad_end[kSpatialAxes] = {0, 0, 0};  // after the last; only averages that count padding read it

  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
  int64_t kernel_size() const { return kernel[0] * kernel[1] * kernel[2]; }
};

// A half-open range of integers; empty where end <= begin.
struct IndexRange {
  int64_t begin;
  int64_t end;
};

constexpr int64_t FloorDiv(int64_t a, int64_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}
constexpr int64_t CeilDiv(int64_t a, int64_t b) {
  return -FloorDiv(-a, b);
}

// The taps of one axis that read inside [low, high) at output position `o`.
inline IndexRange TapsWithin(const Window& w, int axis, int64_t o, int64_t low, int64_t high) {
  const int64_t start = o * w.stride[axis] - w.pad[axis];
  const int64_t begin = start >= low ? 0 : CeilDiv(low - start, w.dilation[axis]);
  const int64_t end = start >= high ? 0 : (high - 1 - start) / w.dilation[axis] + 1;
  return {begin, end < w.kernel[axis] ? end : w.kernel[axis]};
}
inline IndexRange LiveTaps(const Window& w, int axis, int64_t o) {
  return TapsWithin(w, axis, o, 0, w.in[axis]);
}

// The output positions of one axis at which tap `k` reads inside the input.
inline IndexRange LiveOutputs(const Window& w, int axis, int64_t k) {
  const int64_t offset = k * w.dilation[axis] - w.pad[axis];
  const int64_t begin = offset >= 0 ? 0 : CeilDiv(-offset, w.stride[axis]);
  const int64_t end = offset >= w.in[axis] ? 0 : (w.in[axis] - 1 - offset) / w.stride[axis] + 1;
  return {begin, end < w.out[axis] ? end : w.out[axis]};
}

}  // namespace ortolan::kernels
