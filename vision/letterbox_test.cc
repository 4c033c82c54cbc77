#include "vision/letterbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "vision/image.h"

namespace ortolan::vision {
namespace {

Image RandomImage(int width, int height) {
  Image image = *NewImage(static_cast<uint64_t>(width), static_cast<uint64_t>(height));
  std::mt19937 random(static_cast<unsigned>(width * 7919 + height));
  for (uint8_t& sample : image.pixels) sample = static_cast<uint8_t>(random());
  return image;
}

TEST(FitInto, RoundsHalvesToEvenAndCentres) {
  const auto wide = FitInto(1280, 720, 640, 640);
  ASSERT_TRUE(wide.ok());
  EXPECT_EQ(wide->scale, 0.5);
  EXPECT_EQ(wide->width, 640);
  EXPECT_EQ(wide->height, 360);
  EXPECT_EQ(wide->left, 0);
  EXPECT_EQ(wide->top, 140);
  const auto half = FitInto(16, 5, 8, 8);  // 2.5 rows
  ASSERT_TRUE(half.ok());
  EXPECT_EQ(half->height, 2);
  EXPECT_EQ(half->top, 3);
  const auto grown = FitInto(10, 20, 100, 64);
  ASSERT_TRUE(grown.ok());
  EXPECT_EQ(grown->width, 32);
  EXPECT_EQ(grown->left, 34);
}

TEST(FitInto, RefusesWhatHasNoSize) {
  EXPECT_FALSE(FitInto(0, 5, 8, 8).ok());
  EXPECT_FALSE(FitInto(5, 5, 8, 0).ok());
  EXPECT_FALSE(FitInto(1000, 1, 64, 64).ok());  // 0.064 rows
}

// What the one pass must equal: shrink, paste, divide.
std::vector<float> InThreePasses(const Image& image, const Letterbox& place, int width, int height) {
  const Image small = *ShrinkToSize(image, place.width, place.height);
  const size_t count = static_cast<size_t>(width) * static_cast<size_t>(height);
  std::vector<float> planes(3 * count, 114.0F / 255.0F);
  for (int y = 0; y < place.height; ++y)
    for (int x = 0; x < place.width; ++x)
      for (size_t c = 0; c < 3; ++c)
        planes[c * count + static_cast<size_t>((y + place.top) * width + x + place.left)] =
            static_cast<float>(small.row(y)[x * 3 + static_cast<int>(c)]) / 255.0F;
  return planes;
}

TEST(LetterboxToPlanes, EqualsThreePasses) {
  const int sizes[][4] = {
      {64, 48, 32, 32},    // reduced by 2, nothing left to resize
      {67, 50, 32, 32},    // reduced, then resized both ways
      {32, 20, 32, 32},    // already the width
      {20, 32, 32, 32},    // already the height
      {50, 20, 32, 32},    // shrunk a little, width first
      {33, 200, 32, 96},   // far fewer rows than columns: height first
      {300, 31, 96, 96},   // few rows
      {5, 3, 32, 24},      // grown
      {1, 1, 32, 32},      // a pixel
      {31, 31, 30, 33},    // by one
      {129, 257, 40, 50},  // reduced by 5, blocks cut at the edges
  };
  for (const auto& size : sizes) {
    SCOPED_TRACE(fmt::format("{} x {} into {} x {}", size[0], size[1], size[2], size[3]));
    const Image image = RandomImage(size[0], size[1]);
    const auto place = FitInto(size[0], size[1], size[2], size[3]);
    ASSERT_TRUE(place.ok());
    std::vector<float> planes(static_cast<size_t>(size[2]) * static_cast<size_t>(size[3]) * 3, -1.0F);
    ASSERT_TRUE(LetterboxToPlanes(image, *place, size[2], size[3], planes).ok());
    EXPECT_EQ(planes, InThreePasses(image, *place, size[2], size[3]));
  }
}

TEST(LetterboxToPlanes, RefusesWrongSizes) {
  const Image image = RandomImage(8, 8);
  const auto place = FitInto(8, 8, 16, 16);
  std::vector<float> planes(16 * 16 * 3 - 1);
  EXPECT_FALSE(LetterboxToPlanes(image, *place, 16, 16, planes).ok());
  Image broken = image;
  broken.pixels.pop_back();
  planes.push_back(0);
  EXPECT_FALSE(LetterboxToPlanes(broken, *place, 16, 16, planes).ok());
}

// Rows that come by one, by sixteens and all at once.
TEST(LetterboxRows, EqualTheWholePicture) {
  const int sizes[][4] = {
      {64, 48, 32, 32}, {67, 50, 32, 32}, {32, 20, 32, 32}, {31, 90, 48, 32}, {9, 7, 40, 40}};
  for (const auto& [width, height, to_width, to_height] : sizes) {
    const Image image = RandomImage(width, height);
    const auto place = FitInto(width, height, to_width, to_height);
    ASSERT_TRUE(place.ok());
    const size_t count = 3 * static_cast<size_t>(to_width) * static_cast<size_t>(to_height);
    std::vector<float> whole(count, -1.0F);
    ASSERT_TRUE(LetterboxToPlanes(image, *place, to_width, to_height, whole).ok());
    for (const int step : {1, 16, height}) {
      Image coming = RandomImage(width + 1, height);  // of other pixels until its rows come
      coming.width = width;
      coming.pixels.resize(image.pixels.size());
      std::vector<float> planes(count, -1.0F);
      LetterboxRows rows(coming, *place, to_width, to_height, planes);
      for (int ready = 0; ready < height;) {
        const int next = std::min(height, ready + step);
        const auto row = [&](int y) { return static_cast<ptrdiff_t>(y) * width * 3; };
        std::copy(image.pixels.begin() + row(ready), image.pixels.begin() + row(next),
                  coming.pixels.begin() + row(ready));
        ready = next;
        rows.Take(ready);
      }
      EXPECT_EQ(planes, whole) << width << " x " << height << " by " << step;
    }
  }
}

}  // namespace
}  // namespace ortolan::vision
