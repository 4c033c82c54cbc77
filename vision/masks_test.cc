#include "vision/masks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace ortolan::vision {
namespace {

Letterbox Place(double scale, int left, int top) {
  Letterbox place;
  place.scale = scale;
  place.left = left;
  place.top = top;
  return place;
}

// The definition, in double precision: what a pixel's centre sees between the four cells around it.
double SoftAt(const std::vector<double>& soft, int width, int height, double x, double y) {
  const auto at = [&](int column, int row) {
    return soft[std::clamp(row, 0, height - 1) * width + std::clamp(column, 0, width - 1)];
  };
  const int column = std::max(0, static_cast<int>(std::floor(x))),
            row = std::max(0, static_cast<int>(std::floor(y)));
  const double right = std::clamp(x - column, 0.0, 1.0), below = std::clamp(y - row, 0.0, 1.0);
  const double upper = at(column, row) * (1 - right) + at(column + 1, row) * right;
  const double lower = at(column, row + 1) * (1 - right) + at(column + 1, row + 1) * right;
  return upper * (1 - below) + lower * below;
}

TEST(Masks, FollowTheirDefinition) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> number(-2, 2), edge(0, 100);
  const int width = 16, height = 12, input_width = 64, input_height = 48;
  for (int turn = 0; turn < 60; ++turn) {
    const size_t count = 1 + turn % 5, stride = 3;
    std::vector<float> values(count * width * height), coefficients(count * stride);
    for (float& value : values) value = number(random);
    for (float& value : coefficients) value = number(random);
    const Letterbox place = Place(0.5 + turn * 0.01, turn % 3, turn % 4);
    Box box{edge(random), edge(random), 0, 0};
    box.right = box.left + edge(random) / 2;
    box.bottom = box.top + edge(random) / 2;
    const auto mask = DecodeMask({values, count, height, width}, coefficients.data(), stride, box, place,
                                 input_width, input_height, 0.5F);
    ASSERT_TRUE(mask.ok());
    EXPECT_EQ(mask->width, static_cast<int>(box.right) - static_cast<int>(box.left));
    EXPECT_EQ(mask->height, static_cast<int>(box.bottom) - static_cast<int>(box.top));
    const auto cell = [&](double pixel, int pad, int cells, int input) {
      return (pixel * place.scale + pad) * cells / input;
    };
    const int left =
        std::clamp(static_cast<int>(std::floor(cell(box.left, place.left, width, input_width))), 0, width);
    const int top =
        std::clamp(static_cast<int>(std::floor(cell(box.top, place.top, height, input_height))), 0, height);
    const int right =
        std::clamp(static_cast<int>(std::ceil(cell(box.right, place.left, width, input_width))), 0, width);
    const int bottom =
        std::clamp(static_cast<int>(std::ceil(cell(box.bottom, place.top, height, input_height))), 0, height);
    std::vector<double> soft;
    for (int y = top; y < bottom; ++y)
      for (int x = left; x < right; ++x) {
        double sum = 0;
        for (size_t m = 0; m < count; ++m)
          sum += static_cast<double>(coefficients[m * stride]) * values[(m * height + y) * width + x];
        soft.push_back(1 / (1 + std::exp(-sum)));
      }
    for (int y = 0; y < mask->height; ++y)
      for (int x = 0; x < mask->width; ++x) {
        const uint8_t got = mask->pixels[y * mask->width + x];
        if (soft.empty()) {
          EXPECT_EQ(got, 0);
          continue;
        }
        const double at =
            SoftAt(soft, right - left, bottom - top, (x + 0.5) * (right - left) / mask->width - 0.5,
                   (y + 0.5) * (bottom - top) / mask->height - 0.5);
        if (std::abs(at - 0.5) > 1e-4) {
          EXPECT_EQ(got, at >= 0.5 ? 255 : 0) << turn << ' ' << x << ' ' << y;
        }
      }
  }
}

TEST(Masks, TakeAnyBox) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const std::vector<float> values(2 * 3 * 4, 1.0F), coefficients = {nan, inf};
  const Image picture{5, 4, std::vector<uint8_t>(60, 200)};
  for (const Box& box : {Box{nan, nan, nan, nan}, Box{-inf, -inf, inf, inf}, Box{3, 3, 1, 1},
                         Box{0, 0, 0.5F, 9}, Box{nan, 0, 7, 9}, Box{-90, -90, 90, 90}, Box{90, 90, 99, 99}}) {
    const auto mask = DecodeMask({values, 2, 3, 4}, coefficients.data(), 1, box, Place(1, 0, 0), 8, 6, 0.5F);
    ASSERT_TRUE(mask.ok());
    const Image cut = CutOut(picture, box, *mask);
    EXPECT_LE(cut.width, std::max(0, mask->width));
    EXPECT_EQ(cut.pixels.size(), static_cast<size_t>(cut.width) * cut.height * 3);
  }
  EXPECT_FALSE(
      DecodeMask({values, 2, 3, 4}, coefficients.data(), 1, {0, 0, 1e8F, 1e8F}, Place(1, 0, 0), 8, 6, 0.5F)
          .ok());
}

TEST(Masks, CutOutKeepsWhatIsUnderThem) {
  Image picture{4, 3, std::vector<uint8_t>(36)};
  for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<uint8_t>(i + 1);
  const Image cut = CutOut(picture, {1.9F, 1, 4, 3}, {3, 2, {255, 0, 255, 0, 255, 255}});
  ASSERT_EQ(cut.width, 3);
  ASSERT_EQ(cut.height, 2);
  EXPECT_EQ(cut.pixels,
            (std::vector<uint8_t>{16, 17, 18, 0, 0, 0, 22, 23, 24, 0, 0, 0, 31, 32, 33, 34, 35, 36}));
}

}  // namespace
}  // namespace ortolan::vision
