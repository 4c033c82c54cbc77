// Convolution over planar tensors (NCHW and its one- and three-dimensional kin): the problem, the generic
// kernel that takes any of it, and the reference that tests compare with. The fast f32 kernels work on the
// blocked layout: blocked.h.
#pragma once

#include <cstdint>

#include "kernels/conv/window.h"
#include "threads/pool.h"

namespace ortolan::kernels {

struct ConvShape {
  int64_t batch = 1;
  int64_t groups = 1;
  int64_t in_channels = 0;   // a multiple of groups
  int64_t out_channels = 0;  // a multiple of groups
  Window window;

  int64_t group_in() const { return in_channels / groups; }
  int64_t group_out() const { return out_channels / groups; }
  double flops() const {
    return 2.0 * static_cast<double>(batch) * static_cast<double>(out_channels) *
           static_cast<double>(group_in()) * static_cast<double>(window.out_size()) *
           static_cast<double>(window.kernel_size());
  }
};

// y = conv(x, w) + bias, for any window, groups and rank; bias may be null. w is [out_channels, group_in,
// kernel...]. Accumulates in T. Reads every weight row by row along the output, so it is decent for wide maps
// and slow for tiny ones.
template <typename T>
void ConvPlanar(const ConvShape& shape, const T* x, const T* w, const T* bias, T* y, ThreadPool& threads);

// The same by the definition, one output after the other, in double. `magnitude`, if given, receives the sum
// of the absolute products: what rounding errors are relative to.
template <typename T>
void ConvReference(const ConvShape& shape, const T* x, const T* w, const T* bias, double* y,
                   double* magnitude = nullptr);

// The transposed convolution: what the gradient of a convolution of `shape` does to its output. x has the
// window's `out` size and shape.out_channels channels, y the window's `in` size and shape.in_channels; w is
// as for ConvPlanar, [out_channels, group_in, kernel...]. bias, one per channel of y, may be null.
template <typename T>
void ConvTransposePlanar(const ConvShape& shape, const T* x, const T* w, const T* bias, T* y,
                         ThreadPool& threads);

}  // namespace ortolan::kernels
