#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/pool/line.h"
#include "kernels/pool/pool.h"

namespace ortolan::kernels {
namespace {

// Elements of input that a chunk should at least read: about 20 us of work.
constexpr int64_t kGrainReads = 32 << 10;
// The same where vectors read.
constexpr int64_t kRowGrainReads = 32 << 10;

// Calls body(plane, output position, first, taps) for every output, where `first` and `taps` are the live
// part of the window on each axis: input coordinates first[a] + i * dilation[a] for i < taps[a].
template <typename Body>
void ForEachWindow(const Window& win, int64_t planes, ThreadPool& threads, Body body) {
  const int64_t reads = std::max<int64_t>(1, win.out_size() * std::min(win.kernel_size(), win.in_size()));
  threads.ParallelRanges(planes, std::max<int64_t>(1, kGrainReads / reads), [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      int64_t first[kSpatialAxes], taps[kSpatialAxes], o[kSpatialAxes], at = 0;
      auto set = [&](int axis) {
        const IndexRange live = LiveTaps(win, axis, o[axis]);
        first[axis] = o[axis] * win.stride[axis] - win.pad[axis] + live.begin * win.dilation[axis];
        taps[axis] = Length(live);
      };
      for (o[0] = 0; o[0] < win.out[0]; ++o[0]) {
        set(0);
        for (o[1] = 0; o[1] < win.out[1]; ++o[1]) {
          set(1);
          for (o[2] = 0; o[2] < win.out[2]; ++o[2], ++at) {
            set(2);
            body(plane, at, o, first, taps);
          }
        }
      }
    }
  });
}

// Calls body(row-major position in the plane) for every element of one window.
template <typename Body>
inline void ForEachElement(const Window& win, const int64_t* first, const int64_t* taps, Body body) {
  for (int64_t d = 0; d < taps[0]; ++d) {
    const int64_t slice = (first[0] + d * win.dilation[0]) * win.in[1];
    for (int64_t h = 0; h < taps[1]; ++h) {
      const int64_t row = (slice + first[1] + h * win.dilation[1]) * win.in[2] + first[2];
      for (int64_t w = 0; w < taps[2]; ++w) body(row + w * win.dilation[2]);
    }
  }
}

template <typename T>
constexpr T Lowest() {
  if constexpr (std::numeric_limits<T>::has_infinity) return -std::numeric_limits<T>::infinity();
  return std::numeric_limits<T>::lowest();
}

int64_t ColumnMajor(const Window& win, int64_t position) {
  const int64_t w = position % win.in[2], h = position / win.in[2] % win.in[1],
                d = position / (win.in[2] * win.in[1]);
  return (w * win.in[1] + h) * win.in[0] + d;
}

// The outputs of one stretch of a row: as many as a row kernel's line holds; 0 where not even one fits.
int64_t StretchOutputs(const Window& win) {
  const int64_t reach = (win.kernel[2] - 1) * win.dilation[2] + 1;
  if (reach > kPlanarSpan / 2) return 0;
  return std::min(win.out[2], (kPlanarSpan - reach) / win.stride[2] + 1);
}

// Rows of a plane whose facts a chunk of several planes keeps: a dozen divisions each, as much as the work on
// a row of 32 outputs.
constexpr int64_t kKnownLines = 128;

// Calls kernel for each stretch of each output row of the planes.
template <typename T>
void RunRows(void (*kernel)(const PlanarRow& row), const Window& win, int64_t planes, const T* x, T* y,
             bool average, bool count_padding, ThreadPool& threads) {
  const int64_t stretch = StretchOutputs(win), lines = win.out[0] * win.out[1];
  const int64_t reads = std::max<int64_t>(1, win.out[2] * std::min(win.kernel_size(), win.in_size()));
  const int64_t grain = std::max<int64_t>(1, kRowGrainReads / reads);
  threads.ParallelRanges(planes * lines, grain, [&](int64_t begin, int64_t end) {
    float counts[kPlanarSpan];
    PoolLine table[kKnownLines];
    const int64_t known = lines <= kKnownLines && lines < end - begin ? lines : 0;
    for (int64_t line = 0; line < known; ++line) table[line] = PoolLineAt(win, line, count_padding);
    for (int64_t left = 0; left < win.out[2]; left += stretch) {
      PlanarRow row;
      row.count = std::min(stretch, win.out[2] - left);
      row.first = left * win.stride[2] - win.pad[2];
      row.span = (row.count - 1) * win.stride[2] + (win.kernel[2] - 1) * win.dilation[2] + 1;
      row.slice_stride = win.dilation[0] * win.in[1] * win.in[2];
      row.row_stride = win.dilation[1] * win.in[2];
      row.width = win.in[2];
      row.stride = win.stride[2];
      row.dilation = win.dilation[2];
      row.taps = win.kernel[2];
      row.counts = counts;
      for (int64_t i = 0; average && i < row.count; ++i) {
        counts[i] = static_cast<float>(count_padding ? PaddedTaps(win, 2, left + i)
                                                     : Length(LiveTaps(win, 2, left + i)));
      }
      int64_t plane = begin / lines, line = begin % lines;
      for (int64_t i = begin; i < end; ++i) {
        const PoolLine facts = known > 0 ? table[line] : PoolLineAt(win, line, count_padding);
        row.slices = facts.slices;
        row.rows = facts.rows;
        row.outer = static_cast<float>(facts.outer);
        row.in = x + plane * win.in_size() + facts.first;
        row.out = y + plane * win.out_size() + line * win.out[2] + left;
        kernel(row);
        if (++line == lines) line = 0, ++plane;
      }
    }
  });
}

template <typename T>
auto MaxKernel(const PlanarPools& pools) {
  if constexpr (std::is_same_v<T, float>) return pools.max_float;
  if constexpr (std::is_same_v<T, double>) return pools.max_double;
  if constexpr (std::is_same_v<T, int8_t>) return pools.max_int8;
  if constexpr (std::is_same_v<T, uint8_t>) return pools.max_uint8;
  if constexpr (std::is_same_v<T, int32_t>) return pools.max_int32;
}

// Adjacent elements in lanes, which a vector unit takes together.
constexpr int64_t kLanes = 16;

// A NaN is taken and stays.
template <typename T>
T Greater(T best, T item) {
  return item > best || item != item ? item : best;
}

template <typename T>
T MaxOfRun(const PlanarPools& pools, const T* x, int64_t count, T best) {
  if constexpr (std::is_same_v<T, float>) return pools.max_run(x, count, best);
  for (int64_t i = 0; i < count; ++i) best = Greater(best, x[i]);
  return best;
}

template <typename T>
double SumOfRun(const T* x, int64_t count) {
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] += static_cast<double>(x[i + l]);
  }
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  for (; i < count; ++i) sum += static_cast<double>(x[i]);
  return sum;
}

// Whether windows are so wide that one window after the other beats rows of outputs.
bool HasLongRuns(const Window& win) {
  return win.dilation[2] == 1 && win.kernel[2] > win.out[2];
}

// Calls body(x, count) for each run of adjacent elements of a window.
template <typename T, typename Body>
void ForEachRun(const Window& win, const T* in, const int64_t* first, const int64_t* taps, Body body) {
  for (int64_t d = 0; d < taps[0]; ++d) {
    const int64_t slice = (first[0] + d * win.dilation[0]) * win.in[1];
    for (int64_t h = 0; h < taps[1]; ++h) {
      body(in + (slice + first[1] + h * win.dilation[1]) * win.in[2] + first[2], taps[2]);
    }
  }
}

}  // namespace

template <typename T>
void MaxPoolPlanar(const PoolVariant& variant, const Window& window, int64_t planes, const T* x, T* y,
                   int64_t* indices, IndexOrder order, ThreadPool& threads) {
  const int64_t in_size = window.in_size(), out_size = window.out_size();
  if (indices == nullptr && HasLongRuns(window)) {
    ForEachWindow(window, planes, threads,
                  [&](int64_t plane, int64_t at, const int64_t*, const int64_t* first, const int64_t* taps) {
                    T best = Lowest<T>();
                    ForEachRun(window, x + plane * in_size, first, taps, [&](const T* run, int64_t count) {
                      best = MaxOfRun(variant.planar, run, count, best);
                    });
                    y[plane * out_size + at] = best;
                  });
    return;
  }
  if (indices == nullptr && StretchOutputs(window) > 0) {
    return RunRows(MaxKernel<T>(variant.planar), window, planes, x, y, false, false, threads);
  }
  ForEachWindow(window, planes, threads,
                [&](int64_t plane, int64_t at, const int64_t*, const int64_t* first, const int64_t* taps) {
                  const T* in = x + plane * in_size;
                  T best = Lowest<T>();
                  int64_t found = -1;
                  ForEachElement(window, first, taps, [&](int64_t position) {
                    const T item = in[position];
                    // Written so that a NaN is taken and, once taken, stays.
                    if (found < 0 || (!(item <= best) && best == best)) {
                      best = item;
                      found = position;
                    }
                  });
                  y[plane * out_size + at] = best;
                  if (!indices) return;
                  found = std::max<int64_t>(found, 0);
                  indices[plane * out_size + at] =
                      plane * in_size + (order == IndexOrder::kRowMajor ? found : ColumnMajor(window, found));
                });
}

template <typename T>
void AveragePoolPlanar(const PoolVariant& variant, const Window& window, int64_t planes, bool count_padding,
                       const T* x, T* y, ThreadPool& threads) {
  if (!HasLongRuns(window) && StretchOutputs(window) > 0) {
    const auto kernel =
        std::is_same_v<T, float> ? variant.planar.average_float : variant.planar.average_double;
    return RunRows(kernel, window, planes, x, y, true, count_padding, threads);
  }
  const auto taps_of = [&](int axis, int64_t o) {
    return count_padding ? PaddedTaps(window, axis, o) : Length(LiveTaps(window, axis, o));
  };
  ForEachWindow(window, planes, threads,
                [&](int64_t plane, int64_t at, const int64_t* o, const int64_t* first, const int64_t* taps) {
                  const T* in = x + plane * window.in_size();
                  double sum = 0;
                  if (HasLongRuns(window)) {
                    ForEachRun(window, in, first, taps,
                               [&](const T* run, int64_t count) { sum += SumOfRun(run, count); });
                  } else {
                    ForEachElement(window, first, taps,
                                   [&](int64_t position) { sum += static_cast<double>(in[position]); });
                  }
                  const int64_t count = taps_of(0, o[0]) * taps_of(1, o[1]) * taps_of(2, o[2]);
                  y[plane * window.out_size() + at] =
                      static_cast<T>(count > 0 ? sum / static_cast<double>(count) : 0.0);
                });
}

template <typename T>
void LpPoolPlanar(const Window& window, int64_t planes, double p, const T* x, T* y, ThreadPool& threads) {
  const int64_t in_size = window.in_size(), out_size = window.out_size();
  ForEachWindow(window, planes, threads,
                [&](int64_t plane, int64_t at, const int64_t*, const int64_t* first, const int64_t* taps) {
                  const T* in = x + plane * in_size;
                  double sum = 0;
                  ForEachElement(window, first, taps, [&](int64_t position) {
                    const double size = std::fabs(static_cast<double>(in[position]));
                    sum += p == 2 ? size * size : p == 1 ? size : std::pow(size, p);
                  });
                  y[plane * out_size + at] = static_cast<T>(p == 2   ? std::sqrt(sum)
                                                            : p == 1 ? sum
                                                                     : std::pow(sum, 1 / p));
                });
}

#define ORTOLAN_MAX_POOL(T)                                                                          \
  template void MaxPoolPlanar<T>(const PoolVariant&, const Window&, int64_t, const T*, T*, int64_t*, \
                                 IndexOrder, ThreadPool&);
ORTOLAN_MAX_POOL(float)
ORTOLAN_MAX_POOL(double)
ORTOLAN_MAX_POOL(int8_t)
ORTOLAN_MAX_POOL(uint8_t)
ORTOLAN_MAX_POOL(int32_t)
#undef ORTOLAN_MAX_POOL
template void AveragePoolPlanar<float>(const PoolVariant&, const Window&, int64_t, bool, const float*, float*,
                                       ThreadPool&);
template void AveragePoolPlanar<double>(const PoolVariant&, const Window&, int64_t, bool, const double*,
                                        double*, ThreadPool&);
template void LpPoolPlanar<float>(const Window&, int64_t, double, const float*, float*, ThreadPool&);
template void LpPoolPlanar<double>(const Window&, int64_t, double, const double*, double*, ThreadPool&);

}  // namespace ortolan::kernels
