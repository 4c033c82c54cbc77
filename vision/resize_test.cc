// Resizing against what Pillow makes of the same picture: tests/pictures/cases.txt.
#include <gtest/gtest.h>

#include "support/picture_cases.h"
#include "vision/image.h"

namespace ortolan::vision {
namespace {

const std::string kFolder = std::string(ORTOLAN_SOURCE_DIR) + "/tests/pictures/";

std::vector<std::vector<std::string>> Cases(const std::string& verb) {
  return PictureCases(kFolder, verb);
}

void ExpectImage(const Result<Image>& image, int width, int height, const std::string& hash) {
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(image->width, width);
  EXPECT_EQ(image->height, height);
  EXPECT_EQ(Fnv1a(image->pixels), hash);
}

TEST(Image, TellsAMissingFileApart) {
  EXPECT_EQ(LoadImageFile(kFolder + "no_such.png").status().code(), StatusCode::kNoSuchFile);
}

TEST(Image, NamesTheFileThatItRefuses) {
  const Status status = LoadImageFile(kFolder + "broken_text.png").status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("broken_text.png: cannot identify"), std::string::npos) << status.message();
}

TEST(Image, RefusesAbsurdSizes) {
  EXPECT_FALSE(NewImage(0, 5).ok());
  EXPECT_FALSE(NewImage(uint64_t{1} << 32, uint64_t{1} << 32).ok());
  EXPECT_FALSE(NewImage(1 << 14, (1 << 14) + 1).ok());
}

TEST(Resize, GivesPillowsPixels) {
  for (const auto& fields : Cases("resize")) {
    SCOPED_TRACE(fields[1] + " x " + fields[2]);
    const auto image = LoadImageFile(kFolder + fields[0]);
    ASSERT_TRUE(image.ok());
    const int width = std::stoi(fields[1]), height = std::stoi(fields[2]);
    ExpectImage(ResizeBilinear(*image, width, height), width, height, fields[3]);
  }
}

TEST(Reduce, GivesPillowsPixels) {
  for (const auto& fields : Cases("reduce")) {
    SCOPED_TRACE(fields[1]);
    const auto image = LoadImageFile(kFolder + fields[0]);
    ASSERT_TRUE(image.ok());
    ExpectImage(Reduce(*image, std::stoi(fields[1])), std::stoi(fields[2]), std::stoi(fields[3]), fields[4]);
  }
}

TEST(Resize, RefusesWhatHasNoPixels) {
  auto image = NewImage(4, 4);
  ASSERT_TRUE(image.ok());
  EXPECT_FALSE(ResizeBilinear(*image, 0, 4).ok());
  EXPECT_FALSE(ResizeBilinear(*image, 1 << 20, 1 << 20).ok());
  EXPECT_FALSE(ResizeBilinear(Image{}, 4, 4).ok());
  EXPECT_FALSE(ShrinkToSize(*image, 4, -1).ok());
  EXPECT_FALSE(Reduce(*image, 0).ok());
  image->pixels.pop_back();
  EXPECT_FALSE(ResizeBilinear(*image, 2, 2).ok());
}

TEST(ShrinkToSize, ReducesByTheWholeFactorFirst) {
  const auto image = LoadImageFile(kFolder + "noise.png");
  ASSERT_TRUE(image.ok());
  const auto small = ShrinkToSize(*image, 10, 12);  // 53 / 10 = 5, 41 / 12 = 3: by 3
  const auto reduced = Reduce(*image, 3);
  ASSERT_TRUE(small.ok() && reduced.ok());
  EXPECT_EQ(small->pixels, ResizeBilinear(*reduced, 10, 12)->pixels);
  EXPECT_EQ(ShrinkToSize(*image, 30, 12)->pixels, ResizeBilinear(*image, 30, 12)->pixels);
}

}  // namespace
}  // namespace ortolan::vision
