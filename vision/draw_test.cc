#include "vision/draw.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>

#include "vision/encode.h"
#include "vision/image.h"

namespace ortolan::vision {
namespace {

Image Grey(int width, int height) {
  Image image = *NewImage(static_cast<uint64_t>(width), static_cast<uint64_t>(height));
  std::fill(image.pixels.begin(), image.pixels.end(), uint8_t{128});
  return image;
}

Color At(const Image& image, int x, int y) {
  const uint8_t* pixel = image.row(y) + x * 3;
  return {pixel[0], pixel[1], pixel[2]};
}

TEST(Draw, FramesTheBoxAndLeavesItsInside) {
  Image image = Grey(200, 150);
  const Marking marking{{50, 60, 150, 120}, "", {10, 200, 30}};
  ASSERT_TRUE(DrawMarkings(image, std::span(&marking, 1)).ok());
  EXPECT_EQ(At(image, 50, 60), marking.color);
  EXPECT_EQ(At(image, 149, 119), marking.color);
  EXPECT_EQ(At(image, 100, 61), marking.color);
  EXPECT_EQ(At(image, 100, 90), (Color{128, 128, 128}));
  EXPECT_EQ(At(image, 49, 90), (Color{128, 128, 128}));
  EXPECT_EQ(At(image, 150, 90), (Color{128, 128, 128}));
}

TEST(Draw, WritesTheCaptionAboveTheBox) {
  Image image = Grey(200, 150);
  const Marking marking{{50, 60, 150, 120}, "mug 0.97", {10, 200, 30}};
  ASSERT_TRUE(DrawMarkings(image, std::span(&marking, 1)).ok());
  int strip = 0, ink = 0;
  for (int y = 40; y < 60; ++y)
    for (int x = 50; x < 150; ++x) {
      strip += At(image, x, y) == marking.color;
      ink += At(image, x, y) == Color{255, 255, 255} || At(image, x, y) == Color{0, 0, 0};
    }
  EXPECT_GT(strip, 200);
  EXPECT_GT(ink, 20);
}

TEST(Draw, TakesAnyBoxCaptionAndPicture) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const std::vector<Marking> markings = {
      {{nan, nan, nan, nan}, "nan", ColorOf(0)},
      {{-inf, -inf, inf, inf}, "\xff\xc3 broken \xe4\xb8", ColorOf(1)},
      {{90, 0, 400, 2}, std::string(500, 'W'), ColorOf(-7)},
      {{2, 3, 900, 800}, "mask", ColorOf(3), {500, 400, std::vector<uint8_t>(500 * 400, 255)}},
      {{nan, 1, 2, inf}, "mask", ColorOf(4), {3, 1, {255, 0, 255}}},
      {{5, 9, 2, 1}, "\xe4\xb8\xad\xf0\x9f\x90\xa6 Ärger", ColorOf(1 << 30)}};
  for (const auto& [width, height] : {std::pair{100, 80}, std::pair{1, 1}, std::pair{3, 700}}) {
    Image image = Grey(width, height);
    EXPECT_TRUE(DrawMarkings(image, markings).ok());
    const std::vector<std::string> lines(200, "line");
    EXPECT_TRUE(DrawLines(image, lines).ok());
  }
  Image broken;
  EXPECT_FALSE(DrawMarkings(broken, markings).ok());
  Image image = Grey(9, 9);
  EXPECT_FALSE(
      DrawMarkings(image, std::vector<Marking>{{{0, 0, 9, 9}, "", ColorOf(0), {9, 9, {1, 2}}}}).ok());
}

TEST(Draw, TintsWhereTheMaskIsSet) {
  Image image = Grey(60, 60);
  const Image before = image;
  Mask mask{20, 20, std::vector<uint8_t>(400, 0)};
  for (int x = 5; x < 15; ++x) mask.pixels[10 * 20 + x] = 255;
  ASSERT_TRUE(
      DrawMarkings(image, std::vector<Marking>{{{20.6F, 30.4F, 41, 51}, "", {255, 0, 100}, mask}}).ok());
  for (int x = 24; x < 36; ++x) {
    const uint8_t* pixel = image.row(40) + x * 3;
    const uint8_t* old = before.row(40) + x * 3;
    const bool inside = x >= 25 && x < 35;
    EXPECT_EQ(pixel[0], inside ? (old[0] + 255) / 2 : old[0]) << x;
    EXPECT_EQ(pixel[1], inside ? old[1] / 2 : old[1]) << x;
  }
}

TEST(Draw, GivesNeighbouringClassesDifferentColors) {
  std::set<Color> colors;
  for (int id = 0; id < 80; ++id) colors.insert(ColorOf(id));
  EXPECT_EQ(colors.size(), 80U);
}

TEST(Font, MeasuresWhatItDraws) {
  auto font = Font::Open(20);
  ASSERT_TRUE(font.ok()) << font.status().message();
  EXPECT_EQ(font->Width(""), 0);
  EXPECT_GT(font->Width("WW"), font->Width("W"));
  EXPECT_GT(font->Width("W"), font->Width("i"));
  Image image = Grey(200, 40);
  font->Draw(image, 10, 30, "Quay", {0, 0, 0});
  int first = 200, last = 0;
  for (int y = 0; y < 40; ++y)
    for (int x = 0; x < 200; ++x)
      if (At(image, x, y) != Color{128, 128, 128}) first = std::min(first, x), last = std::max(last, x);
  EXPECT_GE(first, 10);
  EXPECT_LT(last, 10 + font->Width("Quay"));
  EXPECT_GT(last, 10 + font->Width("Qua"));
  EXPECT_FALSE(Font::Open(0).ok());
}

TEST(Encode, ComesBackFromEachFormat) {
  Image image = Grey(61, 47);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) image.row(y)[x * 3] = static_cast<uint8_t>(x * 4);
  const auto folder = std::filesystem::temp_directory_path() / "ortolan_encode_test";
  std::filesystem::create_directories(folder);
  for (const char* name : {"a.png", "a.jpg", "a.JPEG", "a.webp"}) {
    SCOPED_TRACE(name);
    const std::string path = (folder / name).string();
    const Status saved = SaveImageFile(image, path);
    ASSERT_TRUE(saved.ok()) << saved.message();
    const auto again = LoadImageFile(path);
    ASSERT_TRUE(again.ok()) << again.status().message();
    ASSERT_EQ(again->pixels.size(), image.pixels.size());
    int apart = 0;
    for (size_t i = 0; i < image.pixels.size(); ++i)
      apart = std::max(apart, std::abs(int{again->pixels[i]} - int{image.pixels[i]}));
    EXPECT_LE(apart, std::string(name) == "a.png" ? 0 : 40);
  }
  std::filesystem::remove_all(folder);
}

TEST(Encode, RefusesOtherEndingsAndPlaces) {
  const Image image = Grey(4, 4);
  EXPECT_EQ(SaveImageFile(image, "a.bmp").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(SaveImageFile(image, "a").code(), StatusCode::kInvalidArgument);
  EXPECT_FALSE(SaveImageFile(image, "/nowhere/at/all/a.png").ok());
}

}  // namespace
}  // namespace ortolan::vision
