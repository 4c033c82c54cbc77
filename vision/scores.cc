#include "vision/scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ortolan::vision {

void NormalizeToPlanes(const ImageView& image, const std::array<float, 3>& mean,
                       const std::array<float, 3>& deviation, std::span<float> out) {
  const size_t count = static_cast<size_t>(image.width) * image.height;
  for (size_t c = 0; c < 3; ++c) {
    // A sample has 256 values, so that the arithmetic is done once for each of them.
    std::array<float, 256> table;
    for (int value = 0; value < 256; ++value)
      table[value] = (static_cast<float>(value) * (1.0F / 255.0F) - mean[c]) / deviation[c];
    const uint8_t* sample = image.pixels.data() + c;
    float* plane = out.data() + c * count;
    for (size_t i = 0; i < count; ++i) plane[i] = table[sample[i * 3]];
  }
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
