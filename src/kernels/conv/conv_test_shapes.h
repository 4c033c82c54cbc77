// Random convolution problems with their expected results; only tests include it.
#pragma once

#include <fmt/format.h>

#include <random>
#include <string>
#include <vector>

#include "kernels/conv/conv.h"

namespace ortolan::kernels {

inline std::string ConvText(const ConvShape& s) {
  const Window& w = s.window;
  return fmt::format("n{} g{} {}->{} in {}x{}x{} out {}x{}x{} k {}x{}x{} s {}x{}x{} d {}x{}x{} p {},{},{}",
                     s.batch, s.groups, s.in_channels, s.out_channels, w.in[0], w.in[1], w.in[2], w.out[0],
                     w.out[1], w.out[2], w.kernel[0], w.kernel[1], w.kernel[2], w.stride[0], w.stride[1],
                     w.stride[2], w.dilation[0], w.dilation[1], w.dilation[2], w.pad[0], w.pad[1], w.pad[2]);
}

// A convolution of two spatial axes; `pad` on all sides.
inline ConvShape ConvOf(int64_t batch, int64_t groups, int64_t in_channels, int64_t out_channels,
                        int64_t height, int64_t width, int64_t kernel, int64_t stride, int64_t pad,
                        int64_t dilation = 1) {
  ConvShape shape{batch, groups, in_channels, out_channels, {}};
  Window& w = shape.window;
  for (int a : {1, 2}) {
    w.in[a] = a == 1 ? height : width;
    w.kernel[a] = kernel;
    w.stride[a] = stride;
    w.dilation[a] = dilation;
    w.pad[a] = w.pad_end[a] = pad;
    w.out[a] = FloorDiv(w.in[a] + 2 * pad - ((kernel - 1) * dilation + 1), stride) + 1;
  }
  return shape;
}

// Small problems of every kind: ranks 1 to 3, groups, strides, dilations beyond the map, cropping, asymmetric
// padding.
inline ConvShape RandomConvShape(uint32_t seed, bool square_groups = false) {
  std::mt19937 random(seed);
  auto pick = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint32_t>(high - low + 1));
  };
  ConvShape shape;
  const int rank = static_cast<int>(pick(1, 3));
  shape.batch = pick(1, 2);
  shape.groups = pick(0, 2) ? 1 : pick(2, 3);
  shape.in_channels = shape.groups * pick(1, square_groups ? 40 : 9);
  shape.out_channels = shape.groups * pick(1, square_groups ? 70 : 9);
  Window& w = shape.window;
  for (int a = kSpatialAxes - rank; a < kSpatialAxes; ++a) {
    w.in[a] = pick(1, rank == 3 ? 6 : 13);
    w.kernel[a] = pick(1, 4);
    w.stride[a] = pick(1, 3);
    w.dilation[a] = pick(0, 3) ? 1 : pick(2, 7);
    w.pad[a] = pick(-1, 3);
    w.pad_end[a] = pick(-1, 3);
    const int64_t reach = (w.kernel[a] - 1) * w.dilation[a] + 1;
    if (w.in[a] + w.pad[a] + w.pad_end[a] < reach) w.pad_end[a] = reach - w.in[a] - w.pad[a];
    w.out[a] = FloorDiv(w.in[a] + w.pad[a] + w.pad_end[a] - reach, w.stride[a]) + 1;
  }
  return shape;
}

template <typename T>
struct ConvData {
  std::vector<T> x, w, bias;
  std::vector<double> expected, magnitude;
};

template <typename T>
ConvData<T> MakeConvData(const ConvShape& shape, uint32_t seed) {
  std::mt19937 random(seed + 1);
  std::uniform_real_distribution<double> values(-1, 1);
  auto fill = [&](std::vector<T>& items, int64_t count) {
    items.resize(static_cast<size_t>(count));
    for (T& item : items) item = static_cast<T>(values(random));
  };
  ConvData<T> data;
  const Window& w = shape.window;
  fill(data.x, shape.batch * shape.in_channels * w.in_size());
  fill(data.w, shape.out_channels * shape.group_in() * w.kernel_size());
  fill(data.bias, shape.out_channels);
  data.expected.resize(static_cast<size_t>(shape.batch * shape.out_channels * w.out_size()));
  data.magnitude.resize(data.expected.size());
  ConvReference(shape, data.x.data(), data.w.data(), data.bias.data(), data.expected.data(),
                data.magnitude.data());
  return data;
}

}  // namespace ortolan::kernels
