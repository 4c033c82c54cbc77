// The convolution by its definition.
#include <cmath>

#include "kernels/conv/conv.h"

namespace ortolan::kernels {

template <typename T>
void ConvReference(const ConvShape& shape, const T* x, const T* w, const T* bias, double* y,
                   double* magnitude) {
  const Window& win = shape.window;
  const int64_t in_c = shape.group_in(), out_c = shape.group_out();
  int64_t at = 0;
  for (int64_t n = 0; n < shape.batch; ++n) {
    for (int64_t m = 0; m < shape.out_channels; ++m) {
      for (int64_t od = 0; od < win.out[0]; ++od) {
        for (int64_t oh = 0; oh < win.out[1]; ++oh) {
          for (int64_t ow = 0; ow < win.out[2]; ++ow, ++at) {
            double sum = bias ? static_cast<double>(bias[m]) : 0.0;
            double size = std::fabs(sum);
            const T* tap = w + m * in_c * win.kernel_size();
            for (int64_t c = 0; c < in_c; ++c) {
              const T* plane = x + (n * shape.in_channels + (m / out_c) * in_c + c) * win.in_size();
              for (int64_t kd = 0; kd < win.kernel[0]; ++kd) {
                for (int64_t kh = 0; kh < win.kernel[1]; ++kh) {
                  for (int64_t kw = 0; kw < win.kernel[2]; ++kw, ++tap) {
                    const int64_t d = od * win.stride[0] - win.pad[0] + kd * win.dilation[0];
                    const int64_t h = oh * win.stride[1] - win.pad[1] + kh * win.dilation[1];
                    const int64_t v = ow * win.stride[2] - win.pad[2] + kw * win.dilation[2];
                    if (d < 0 || h < 0 || v < 0 || d >= win.in[0] || h >= win.in[1] || v >= win.in[2])
                      continue;
                    const double product = static_cast<double>(*tap) *
                                           static_cast<double>(plane[(d * win.in[1] + h) * win.in[2] + v]);
                    sum += product;
                    size += std::fabs(product);
                  }
                }
              }
            }
            y[at] = sum;
            if (magnitude) magnitude[at] = size;
          }
        }
      }
    }
  }
}

template void ConvReference<float>(const ConvShape&, const float*, const float*, const float*, double*,
                                   double*);
template void ConvReference<double>(const ConvShape&, const double*, const double*, const double*, double*,
                                    double*);

}  // namespace ortolan::kernels
