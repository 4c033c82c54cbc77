// The transposed convolution on planar tensors: one plane of y a chunk, to which rows of x are added with the
// stride as their step.
#include <algorithm>

#include "kernels/conv/conv.h"

namespace ortolan::kernels {
namespace {

// Adds one plane of x under tap (kd, kh, kw) to a plane of y.
template <typename T>
void AddTap(const Window& win, int64_t kd, int64_t kh, int64_t kw, const T* x, T weight, T* y) {
  const IndexRange depth = LiveOutputs(win, 0, kd);
  const IndexRange rows = LiveOutputs(win, 1, kh);
  const IndexRange columns = LiveOutputs(win, 2, kw);
  const int64_t step = win.stride[2];
  for (int64_t d = depth.begin; d < depth.end; ++d) {
    const int64_t yd = d * win.stride[0] - win.pad[0] + kd * win.dilation[0];
    for (int64_t h = rows.begin; h < rows.end; ++h) {
      const int64_t yh = h * win.stride[1] - win.pad[1] + kh * win.dilation[1];
      const T* from = x + (d * win.out[1] + h) * win.out[2];
      T* to = y + (yd * win.in[1] + yh) * win.in[2] - win.pad[2] + kw * win.dilation[2];
      if (step == 1) {
        for (int64_t i = columns.begin; i < columns.end; ++i) to[i] += weight * from[i];
      } else {
        for (int64_t i = columns.begin; i < columns.end; ++i) to[i * step] += weight * from[i];
      }
    }
  }
}

}  // namespace

template <typename T>
void ConvTransposePlanar(const ConvShape& shape, const T* x, const T* w, const T* bias, T* y,
                         ThreadPool& threads) {
  const Window& win = shape.window;
  const int64_t x_per_group = shape.group_out(), y_per_group = shape.group_in(), taps = win.kernel_size();
  threads.ParallelFor(shape.batch * shape.in_channels, [&](int64_t chunk) {
    const int64_t n = chunk / shape.in_channels, c = chunk % shape.in_channels, group = c / y_per_group;
    T* plane = y + chunk * win.in_size();
    std::fill_n(plane, win.in_size(), bias ? bias[c] : T{0});
    for (int64_t i = 0; i < x_per_group; ++i) {
      const int64_t m = group * x_per_group + i;
      const T* from = x + (n * shape.out_channels + m) * win.out_size();
      const T* tap = w + (m * y_per_group + c % y_per_group) * taps;
      for (int64_t kd = 0; kd < win.kernel[0]; ++kd) {
        for (int64_t kh = 0; kh < win.kernel[1]; ++kh) {
          for (int64_t kw = 0; kw < win.kernel[2]; ++kw) AddTap(win, kd, kh, kw, from, *tap++, plane);
        }
      }
    }
  });
}

template void ConvTransposePlanar<float>(const ConvShape&, const float*, const float*, const float*, float*,
                                         ThreadPool&);
template void ConvTransposePlanar<double>(const ConvShape&, const double*, const double*, const double*,
                                          double*, ThreadPool&);

}  // namespace ortolan::kernels
