// A semantic segmenter's output to the class of each of the picture's pixels.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "vision/decode.h"
#include "vision/image.h"

namespace ortolan::vision {
namespace {

// Which two of the output's rows (or columns) a pixel lies between, and how near it is to the second.
struct Between {
  int low = 0, high = 0;
  float share = 0;
};
std::vector<Between> Along(int from, int to) {
  std::vector<Between> places(static_cast<size_t>(to));
  const double ratio = static_cast<double>(from) / to;
  for (int i = 0; i < to; ++i) {
    const double at = std::max(0.0, (i + 0.5) * ratio - 0.5);
    Between& place = places[static_cast<size_t>(i)];
    place.low = std::min(static_cast<int>(at), from - 1);
    place.high = std::min(place.low + 1, from - 1);
    place.share = static_cast<float>(at - place.low);
  }
  return places;
}

std::vector<uint16_t> Nearest(std::span<const int64_t> classes, int in_width, int in_height, int width,
                              int height) {
  std::vector<uint16_t> map(static_cast<size_t>(width) * height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const size_t row = static_cast<size_t>(y) * in_height / height,
                   column = static_cast<size_t>(x) * in_width / width;
      map[static_cast<size_t>(y) * width + x] =
          static_cast<uint16_t>(std::clamp<int64_t>(classes[row * in_width + column], 0, 65535));
    }
  return map;
}

// One row of the picture: each class's row is mixed from two of the output's, then widened and compared.
class RowLabeler {
 public:
  RowLabeler(std::span<const float> logits, int classes, int in_width, int in_height, int width)
      : logits_(logits),
        classes_(classes),
        in_width_(in_width),
        in_height_(in_height),
        across_(Along(in_width, width)),
        mixed_(static_cast<size_t>(in_width)),
        best_(static_cast<size_t>(width)) {}

  void Label(const Between& down, uint16_t* out) {
    const size_t plane = static_cast<size_t>(in_width_) * in_height_;
    std::fill(out, out + best_.size(), uint16_t{0});
    std::fill(best_.begin(), best_.end(), classes_ == 1 ? 0.0F : -std::numeric_limits<float>::infinity());
    for (int c = 0; c < classes_; ++c) {
      const float* upper = logits_.data() + c * plane + static_cast<size_t>(down.low) * in_width_;
      const float* lower = logits_.data() + c * plane + static_cast<size_t>(down.high) * in_width_;
      const float near = 1.0F - down.share, far = down.share;
      for (int x = 0; x < in_width_; ++x) mixed_[x] = upper[x] * near + lower[x] * far;
      const auto label = static_cast<uint16_t>(classes_ == 1 ? 1 : c);
      for (size_t x = 0; x < best_.size(); ++x) {
        const Between& at = across_[x];
        const float value = mixed_[at.low] * (1.0F - at.share) + mixed_[at.high] * at.share;
        const bool better = value > best_[x];
        best_[x] = better ? value : best_[x];
        out[x] = better ? label : out[x];
      }
    }
  }

 private:
  std::span<const float> logits_;
  int classes_, in_width_, in_height_;
  std::vector<Between> across_;
  std::vector<float> mixed_, best_;
};

}  // namespace

Result<std::vector<uint16_t>> DecodeClassMap(const Output& output, int width, int height) {
  std::vector<int64_t> shape = output.shape;
  if (!shape.empty() && shape[0] == 1) shape.erase(shape.begin());
  if (!output.integers.empty() && shape.size() == 3 && shape[0] == 1) shape.erase(shape.begin());
  if (!output.integers.empty() && shape.size() == 2) shape.insert(shape.begin(), 1);
  constexpr int64_t kMostSide = 1 << 16;
  if (shape.size() != 3 || shape[0] < 1 || shape[0] > 65536 || shape[1] < 1 || shape[2] < 1 ||
      shape[1] > kMostSide || shape[2] > kMostSide ||
      static_cast<uint64_t>(shape[0] * shape[1] * shape[2]) != output.count())
    return InvalidArgument(
        "a semantic segmenter's output is (1, classes, h, w), this has {} numbers in {} "
        "dimensions",
        output.count(), output.shape.size());
  if (width < 1 || height < 1 || static_cast<uint64_t>(width) * static_cast<uint64_t>(height) > kMostPixels)
    return InvalidArgument("a picture of {} x {} pixels is out of range", width, height);
  const auto in_height = static_cast<int>(shape[1]), in_width = static_cast<int>(shape[2]);
  if (!output.integers.empty()) return Nearest(output.integers, in_width, in_height, width, height);
  std::vector<uint16_t> map(static_cast<size_t>(width) * height);
  RowLabeler labeler(output.floats, static_cast<int>(shape[0]), in_width, in_height, width);
  const std::vector<Between> down = Along(in_height, height);
  for (int y = 0; y < height; ++y)
    labeler.Label(down[static_cast<size_t>(y)], map.data() + static_cast<size_t>(y) * width);
  return map;
}

}  // namespace ortolan::vision
