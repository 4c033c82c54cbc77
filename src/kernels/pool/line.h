// What the windows of one row of outputs meet of their plane on the outer axes, in planar and blocked maps.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/conv/window.h"

namespace ortolan::kernels {

inline int64_t Length(IndexRange range) {
  return std::max<int64_t>(0, range.end - range.begin);
}

// How many taps of one axis stand inside the padded input.
inline int64_t PaddedTaps(const Window& w, int axis, int64_t o) {
  return Length(TapsWithin(w, axis, o, -w.pad[axis], w.in[axis] + w.pad_end[axis]));
}

struct PoolLine {
  int64_t first;  // pixel of the plane at which they begin, but for the last axis
  int64_t slices, rows;
  int64_t outer;  // what an average counts besides the taps along the row
};
inline PoolLine PoolLineAt(const Window& w, int64_t line, bool count_padding) {
  const int64_t od = line / w.out[1], oh = line % w.out[1];
  const IndexRange depth = LiveTaps(w, 0, od), height = LiveTaps(w, 1, oh);
  const int64_t slices = Length(depth), rows = Length(height);
  const int64_t d = od * w.stride[0] - w.pad[0] + depth.begin * w.dilation[0];
  const int64_t h = oh * w.stride[1] - w.pad[1] + height.begin * w.dilation[1];
  const int64_t outer = count_padding ? PaddedTaps(w, 0, od) * PaddedTaps(w, 1, oh) : slices * rows;
  return {slices > 0 && rows > 0 ? (d * w.in[1] + h) * w.in[2] : 0, slices, rows, outer};
}

}  // namespace ortolan::kernels
