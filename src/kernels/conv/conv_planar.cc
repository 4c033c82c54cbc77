// The generic planar convolution: one output plane a chunk, rows of it updated tap by tap.
#include <algorithm>

#include "kernels/conv/conv.h"

namespace ortolan::kernels {
namespace {

template <typename T>
void AddScaledRow(T* y, const T* x, int64_t count, int64_t x_stride, T weight) {
  if (x_stride == 1) {
    for (int64_t i = 0; i < count; ++i) y[i] += weight * x[i];
  } else {
    for (int64_t i = 0; i < count; ++i) y[i] += weight * x[i * x_stride];
  }
}

// Adds one tap (kd, kh, kw) of one input plane to an output plane.
template <typename T>
void AddTap(const Window& win, int64_t kd, int64_t kh, int64_t kw, const T* x, T weight, T* y) {
  const IndexRange depth = LiveOutputs(win, 0, kd);
  const IndexRange rows = LiveOutputs(win, 1, kh);
  const IndexRange columns = LiveOutputs(win, 2, kw);
  if (columns.end <= columns.begin) return;
  const int64_t first = columns.begin * win.stride[2] - win.pad[2] + kw * win.dilation[2];
  for (int64_t od = depth.begin; od < depth.end; ++od) {
    const int64_t d = od * win.stride[0] - win.pad[0] + kd * win.dilation[0];
    for (int64_t oh = rows.begin; oh < rows.end; ++oh) {
      const int64_t h = oh * win.stride[1] - win.pad[1] + kh * win.dilation[1];
      AddScaledRow(y + (od * win.out[1] + oh) * win.out[2] + columns.begin,
                   x + (d * win.in[1] + h) * win.in[2] + first, columns.end - columns.begin, win.stride[2],
                   weight);
    }
  }
}

}  // namespace

template <typename T>
void ConvPlanar(const ConvShape& shape, const T* x, const T* w, const T* bias, T* y, ThreadPool& threads) {
  const Window& win = shape.window;
  const int64_t in_c = shape.group_in(), out_c = shape.group_out();
  const int64_t in_size = win.in_size(), out_size = win.out_size();
  threads.ParallelFor(shape.batch * shape.out_channels, [&](int64_t chunk) {
    const int64_t n = chunk / shape.out_channels, m = chunk % shape.out_channels;
    T* plane = y + chunk * out_size;
    std::fill_n(plane, out_size, bias ? bias[m] : T{0});
    const T* tap = w + m * in_c * win.kernel_size();
    const T* in = x + (n * shape.in_channels + (m / out_c) * in_c) * in_size;
    for (int64_t c = 0; c < in_c; ++c, in += in_size) {
      for (int64_t kd = 0; kd < win.kernel[0]; ++kd) {
        for (int64_t kh = 0; kh < win.kernel[1]; ++kh) {
          for (int64_t kw = 0; kw < win.kernel[2]; ++kw, ++tap) AddTap(win, kd, kh, kw, in, *tap, plane);
        }
      }
    }
  });
}

template void ConvPlanar<float>(const ConvShape&, const float*, const float*, const float*, float*,
                                ThreadPool&);
template void ConvPlanar<double>(const ConvShape&, const double*, const double*, const double*, double*,
                                 ThreadPool&);

}  // namespace ortolan::kernels
