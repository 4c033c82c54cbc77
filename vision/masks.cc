#include "vision/masks.h"

#include <algorithm>
#include <cmath>

namespace ortolan::vision {
namespace {

// A rectangle of prototype cells.
struct Region {
  int left = 0, top = 0, right = 0, bottom = 0;
  int width() const { return right - left; }
  int height() const { return bottom - top; }
  bool empty() const { return width() <= 0 || height() <= 0; }
};

// The cells that a box touches. NaN and coordinates out of range give an empty region.
Region CellsUnder(const Box& box, const Letterbox& place, const Prototypes& prototypes, int input_width,
                  int input_height) {
  const auto scale = static_cast<float>(place.scale);
  const auto left = static_cast<float>(place.left), top = static_cast<float>(place.top);
  const auto across = static_cast<float>(static_cast<double>(prototypes.width) / input_width);
  const auto down = static_cast<float>(static_cast<double>(prototypes.height) / input_height);
  const auto low = [](float value, int limit) {
    const float cell = std::floor(value);
    return cell > 0 ? static_cast<int>(std::min(cell, static_cast<float>(limit))) : 0;
  };
  const auto high = [](float value, int limit) {
    const float cell = std::ceil(value);
    return cell > 0 ? static_cast<int>(std::min(cell, static_cast<float>(limit))) : 0;
  };
  return {low((box.left * scale + left) * across, prototypes.width),
          low((box.top * scale + top) * down, prototypes.height),
          high((box.right * scale + left) * across, prototypes.width),
          high((box.bottom * scale + top) * down, prototypes.height)};
}

// An edge cut to a whole pixel. Boxes come clipped to a picture, so that this is their value; a caller's own
// box may be anything.
int Whole(float value) {
  return std::abs(value) <= static_cast<float>(1 << 28) ? static_cast<int>(value) : 0;
}

// exp(-|x|) never overflows, so that one formula serves both signs.
float Sigmoid(float x) {
  const float power = std::exp(-std::abs(x));
  return x >= 0 ? 1.0F / (1.0F + power) : power / (1.0F + power);
}

std::vector<float> SoftMask(const Prototypes& prototypes, const float* coefficients, size_t stride,
                            const Region& region) {
  const size_t columns = static_cast<size_t>(region.width());
  std::vector<float> soft(columns * region.height(), 0.0F);
  for (size_t m = 0; m < prototypes.count; ++m) {
    const float weight = coefficients[m * stride];
    for (int y = 0; y < region.height(); ++y) {
      const float* row = prototypes.values.data() +
                         (m * prototypes.height + static_cast<size_t>(region.top + y)) * prototypes.width +
                         region.left;
      float* sum = soft.data() + columns * y;
      for (size_t x = 0; x < columns; ++x) sum[x] += weight * row[x];
    }
  }
  for (float& value : soft) value = Sigmoid(value);
  return soft;
}

// Which two cells a pixel lies between, and how near it is to the second: half-pixel centres, edges repeated.
struct Sample {
  int low = 0, high = 0;
  float weight = 0;
};
std::vector<Sample> SampleAxis(int from, int to) {
  const auto ratio = static_cast<float>(static_cast<double>(from) / to);
  std::vector<Sample> samples(static_cast<size_t>(to));
  for (int i = 0; i < to; ++i) {
    const float center = (static_cast<float>(i) + 0.5F) * ratio - 0.5F;
    Sample& sample = samples[i];
    sample.low = std::clamp(static_cast<int>(std::floor(center)), 0, from - 1);
    sample.high = std::min(from - 1, sample.low + 1);
    sample.weight = std::clamp(center - static_cast<float>(sample.low), 0.0F, 1.0F);
  }
  return samples;
}

// Widened first, over the few rows of the soft mask, then row by row to the mask's height.
void ResizeToMask(const std::vector<float>& soft, const Region& region, float threshold, Mask& mask) {
  const std::vector<Sample> across = SampleAxis(region.width(), mask.width);
  const std::vector<Sample> down = SampleAxis(region.height(), mask.height);
  const auto columns = static_cast<size_t>(mask.width);
  std::vector<float> wide(columns * region.height());
  for (int y = 0; y < region.height(); ++y) {
    const float* in = soft.data() + static_cast<size_t>(y) * region.width();
    float* out = wide.data() + columns * y;
    for (size_t x = 0; x < columns; ++x) {
      const Sample& at = across[x];
      out[x] = in[at.low] * (1.0F - at.weight) + in[at.high] * at.weight;
    }
  }
  for (int y = 0; y < mask.height; ++y) {
    const Sample& at = down[y];
    const float* upper = wide.data() + columns * at.low;
    const float* lower = wide.data() + columns * at.high;
    const float near = 1.0F - at.weight, far = at.weight;
    uint8_t* out = mask.pixels.data() + columns * y;
    for (size_t x = 0; x < columns; ++x) out[x] = upper[x] * near + lower[x] * far >= threshold ? 255 : 0;
  }
}

}  // namespace

Result<Mask> DecodeMask(const Prototypes& prototypes, const float* coefficients, size_t stride,
                        const Box& box, const Letterbox& place, int input_width, int input_height,
                        float threshold) {
  Mask mask;
  mask.width = std::max(0, Whole(box.right) - Whole(box.left));
  mask.height = std::max(0, Whole(box.bottom) - Whole(box.top));
  if (static_cast<uint64_t>(mask.width) * static_cast<uint64_t>(mask.height) > kMostPixels)
    return InvalidArgument("a mask of {} x {} pixels is out of range", mask.width, mask.height);
  mask.pixels.assign(static_cast<size_t>(mask.width) * mask.height, 0);
  const Region region = CellsUnder(box, place, prototypes, input_width, input_height);
  if (region.empty() || mask.pixels.empty()) return mask;
  const std::vector<float> soft = SoftMask(prototypes, coefficients, stride, region);
  if (region.width() == mask.width && region.height() == mask.height) {
    std::transform(soft.begin(), soft.end(), mask.pixels.begin(),
                   [&](float value) { return value >= threshold ? uint8_t{255} : uint8_t{0}; });
  } else {
    ResizeToMask(soft, region, threshold, mask);
  }
  return mask;
}

Image CutOut(const ImageView& picture, const Box& box, const Mask& mask) {
  const int left = std::clamp(Whole(box.left), 0, picture.width);
  const int top = std::clamp(Whole(box.top), 0, picture.height);
  Image cut;
  cut.width = std::min(mask.width, picture.width - left);
  cut.height = std::min(mask.height, picture.height - top);
  cut.pixels.resize(static_cast<size_t>(cut.width) * cut.height * 3);
  for (int y = 0; y < cut.height; ++y) {
    const uint8_t* in = picture.row(top + y) + static_cast<size_t>(left) * 3;
    const uint8_t* inside = mask.pixels.data() + static_cast<size_t>(y) * mask.width;
    uint8_t* out = cut.row(y);
    for (int x = 0; x < cut.width; ++x)
      for (int c = 0; c < 3; ++c) out[x * 3 + c] = static_cast<uint8_t>(in[x * 3 + c] & inside[x]);
  }
  return cut;
}

}  // namespace ortolan::vision
