#include "vision/scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "vision/filter.h"

namespace ortolan::vision {
namespace {

void WritePlanes(const ImageView& image, const image::PlaneScale& scale, std::span<float> out) {
  const size_t width = static_cast<size_t>(image.width), count = width * static_cast<size_t>(image.height);
  ForRows(image.height, image.pixels.size(), [&](int first, int last) {
    for (int y = first; y < last; ++y) {
      float* row = out.data() + static_cast<size_t>(y) * width;
      Kernels().to_planes(image.row(y), image.width, scale, row, row + count, row + 2 * count);
    }
  });
}

}  // namespace

void NormalizeToPlanes(const ImageView& image, const std::array<float, 3>& mean,
                       const std::array<float, 3>& deviation, std::span<float> out) {
  WritePlanes(image, {1.0F / 255.0F, {mean[0], mean[1], mean[2]}, {deviation[0], deviation[1], deviation[2]}},
              out);
}

void SharesToPlanes(const ImageView& image, std::span<float> out) {
  WritePlanes(image, {1.0F, {0, 0, 0}, {255.0F, 255.0F, 255.0F}}, out);
}

void Softmax(std::span<float> values) {
  if (values.empty()) return;
  const float largest = *std::max_element(values.begin(), values.end());
  float sum = 0;
  for (float& value : values) sum += value = std::exp(value - largest);
  for (float& value : values) value /= sum;
}

std::vector<int> TopK(std::span<const float> values, size_t most) {
  std::vector<int> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  most = std::min(most, order.size());
  const auto before = [&](int a, int b) {
    const bool a_nan = std::isnan(values[a]), b_nan = std::isnan(values[b]);
    if (a_nan || b_nan) return a_nan == b_nan ? a < b : b_nan;
    return values[a] != values[b] ? values[a] > values[b] : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(most), order.end(), before);
  order.resize(most);
  return order;
}

}  // namespace ortolan::vision
