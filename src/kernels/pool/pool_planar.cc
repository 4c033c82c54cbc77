#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/pool/pool.h"

namespace ortolan::kernels {
namespace {

// Elements of input that a chunk should at least read: about 20 us of work.
constexpr int64_t kGrainReads = 32 << 10;

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
        taps[axis] = std::max<int64_t>(0, live.end - live.begin);
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

// How many taps of one axis stand inside the padded input.
int64_t PaddedTaps(const Window& win, int axis, int64_t o) {
  const IndexRange taps = TapsWithin(win, axis, o, -win.pad[axis], win.in[axis] + win.pad_end[axis]);
  return std::max<int64_t>(0, taps.end - taps.begin);
}

// For each row of a plane's output, each tap of the window: body(first, from, count) for the outputs from
// `first` on that the tap meets, whose elements are at `from` and apart by the stride. start(at) and
// finish(at, o) come before and after the taps of the row that starts at output `at`.
template <typename T, typename Start, typename Body, typename Finish>
void ForEachRow(const Window& win, const T* in, Start start, Body body, Finish finish) {
  int64_t o[2], at = 0;
  for (o[0] = 0; o[0] < win.out[0]; ++o[0]) {
    const IndexRange slices = LiveTaps(win, 0, o[0]);
    for (o[1] = 0; o[1] < win.out[1]; ++o[1], at += win.out[2]) {
      const IndexRange lines = LiveTaps(win, 1, o[1]);
      start(at);
      for (int64_t d = slices.begin; d < slices.end; ++d) {
        const int64_t slice = o[0] * win.stride[0] - win.pad[0] + d * win.dilation[0];
        for (int64_t h = lines.begin; h < lines.end; ++h) {
          const int64_t line = o[1] * win.stride[1] - win.pad[1] + h * win.dilation[1];
          const T* row = in + (slice * win.in[1] + line) * win.in[2];
          for (int64_t w = 0; w < win.kernel[2]; ++w) {
            const IndexRange met = LiveOutputs(win, 2, w);
            if (met.end <= met.begin) continue;
            const int64_t column = met.begin * win.stride[2] + w * win.dilation[2] - win.pad[2];
            body(met.begin, row + column, met.end - met.begin);
          }
        }
      }
      finish(at, o);
    }
  }
}

int64_t PlanesPerChunk(const Window& win) {
  const int64_t reads = std::max<int64_t>(1, win.out_size() * std::min(win.kernel_size(), win.in_size()));
  return std::max<int64_t>(1, 4 * kGrainReads / reads);
}

// Adjacent elements in lanes, which a vector unit takes together.
constexpr int64_t kLanes = 16;

// A NaN is taken and stays.
template <typename T>
T Greater(T best, T item) {
  return item > best || item != item ? item : best;
}

template <typename T>
T MaxOfRun(const T* x, int64_t count, T best) {
  T lanes[kLanes];
  std::fill_n(lanes, kLanes, best);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] = Greater(lanes[l], x[i + l]);
  }
  for (; i < count; ++i) best = Greater(best, x[i]);
  // A NaN in a lane, too: the first operand loses to it.
  for (const T lane : lanes) best = best != best ? best : Greater(best, lane);
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

// The values alone, a row at a time: nothing has to be asked of single elements.
template <typename T>
void MaxRows(const Window& win, int64_t planes, const T* x, T* y, ThreadPool& threads) {
  threads.ParallelRanges(planes, PlanesPerChunk(win), [&](int64_t begin, int64_t end) {
    const int64_t stride = win.stride[2];
    for (int64_t plane = begin; plane < end; ++plane) {
      T* const out = y + plane * win.out_size();
      T* to = out;
      ForEachRow(
          win, x + plane * win.in_size(),
          [&](int64_t at) {
            to = out + at;
            std::fill_n(to, win.out[2], Lowest<T>());
          },
          [&](int64_t first, const T* from, int64_t count) {
            T* own = to + first;
            if (stride == 1) {
              for (int64_t i = 0; i < count; ++i) own[i] = Greater(own[i], from[i]);
            } else {
              for (int64_t i = 0; i < count; ++i) own[i] = Greater(own[i], from[i * stride]);
            }
          },
          [](int64_t, const int64_t*) {});
    }
  });
}

}  // namespace

template <typename T>
void MaxPoolPlanar(const Window& window, int64_t planes, const T* x, T* y, int64_t* indices, IndexOrder order,
                   ThreadPool& threads) {
  const int64_t in_size = window.in_size(), out_size = window.out_size();
  if (indices == nullptr && HasLongRuns(window)) {
    ForEachWindow(window, planes, threads,
                  [&](int64_t plane, int64_t at, const int64_t*, const int64_t* first, const int64_t* taps) {
                    T best = Lowest<T>();
                    ForEachRun(window, x + plane * in_size, first, taps,
                               [&](const T* run, int64_t count) { best = MaxOfRun(run, count, best); });
                    y[plane * out_size + at] = best;
                  });
    return;
  }
  if (indices == nullptr) return MaxRows(window, planes, x, y, threads);
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
void AveragePoolPlanar(const Window& window, int64_t planes, bool count_padding, const T* x, T* y,
                       ThreadPool& threads) {
  const auto taps_of = [&](int axis, int64_t o) {
    const IndexRange live = LiveTaps(window, axis, o);
    return count_padding ? PaddedTaps(window, axis, o) : std::max<int64_t>(0, live.end - live.begin);
  };
  if (HasLongRuns(window)) {
    ForEachWindow(
        window, planes, threads,
        [&](int64_t plane, int64_t at, const int64_t* o, const int64_t* first, const int64_t* taps) {
          double sum = 0;
          ForEachRun(window, x + plane * window.in_size(), first, taps,
                     [&](const T* run, int64_t count) { sum += SumOfRun(run, count); });
          const int64_t count = taps_of(0, o[0]) * taps_of(1, o[1]) * taps_of(2, o[2]);
          y[plane * window.out_size() + at] =
              static_cast<T>(count > 0 ? sum / static_cast<double>(count) : 0.0);
        });
    return;
  }
  const int64_t width = window.out[2], stride = window.stride[2];
  threads.ParallelRanges(planes, PlanesPerChunk(window), [&](int64_t begin, int64_t end) {
    // Sums in double of a stretch of columns, so that rows of any length need no memory of their own.
    constexpr int64_t kStretch = 256;
    double sums[kStretch];
    double columns[kStretch];  // taps of each
    for (int64_t plane = begin; plane < end; ++plane) {
      T* const out = y + plane * window.out_size();
      for (int64_t left = 0; left < width; left += kStretch) {
        const int64_t right = std::min(width, left + kStretch);
        for (int64_t i = left; i < right; ++i) columns[i - left] = static_cast<double>(taps_of(2, i));
        ForEachRow(
            window, x + plane * window.in_size(), [&](int64_t) { std::fill_n(sums, right - left, 0.0); },
            [&](int64_t first, const T* from, int64_t count) {
              const int64_t skipped = std::max<int64_t>(0, left - first);
              const int64_t last = std::min(first + count, right);
              double* own = sums - left;
              for (int64_t i = first + skipped; i < last; ++i) {
                own[i] += static_cast<double>(from[(i - first) * stride]);
              }
            },
            [&](int64_t at, const int64_t* o) {
              const auto outer = static_cast<double>(taps_of(0, o[0]) * taps_of(1, o[1]));
              for (int64_t i = 0; i < right - left; ++i) {
                const double count = outer * columns[i];
                out[at + left + i] = static_cast<T>(count > 0 ? sums[i] / count : 0.0);
              }
            });
      }
    }
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

#define ORTOLAN_MAX_POOL(T) \
  template void MaxPoolPlanar<T>(const Window&, int64_t, const T*, T*, int64_t*, IndexOrder, ThreadPool&);
ORTOLAN_MAX_POOL(float)
ORTOLAN_MAX_POOL(double)
ORTOLAN_MAX_POOL(int8_t)
ORTOLAN_MAX_POOL(uint8_t)
ORTOLAN_MAX_POOL(int32_t)
#undef ORTOLAN_MAX_POOL
template void AveragePoolPlanar<float>(const Window&, int64_t, bool, const float*, float*, ThreadPool&);
template void AveragePoolPlanar<double>(const Window&, int64_t, bool, const double*, double*, ThreadPool&);
template void LpPoolPlanar<float>(const Window&, int64_t, double, const float*, float*, ThreadPool&);
template void LpPoolPlanar<double>(const Window&, int64_t, double, const double*, double*, ThreadPool&);

}  // namespace ortolan::kernels
