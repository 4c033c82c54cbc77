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

}  // namespace

template <typename T>
void MaxPoolPlanar(const Window& window, int64_t planes, const T* x, T* y, int64_t* indices, IndexOrder order,
                   ThreadPool& threads) {
  const int64_t in_size = window.in_size(), out_size = window.out_size();
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
  const int64_t in_size = window.in_size(), out_size = window.out_size();
  ForEachWindow(
      window, planes, threads,
      [&](int64_t plane, int64_t at, const int64_t* o, const int64_t* first, const int64_t* taps) {
        const T* in = x + plane * in_size;
        double sum = 0;
        ForEachElement(window, first, taps,
                       [&](int64_t position) { sum += static_cast<double>(in[position]); });
        const int64_t count = count_padding ? PaddedTaps(window, 0, o[0]) * PaddedTaps(window, 1, o[1]) *
                                                  PaddedTaps(window, 2, o[2])
                                            : taps[0] * taps[1] * taps[2];
        y[plane * out_size + at] = static_cast<T>(count > 0 ? sum / static_cast<double>(count) : 0.0);
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
