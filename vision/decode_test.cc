// Pictures against what Pillow makes of them: tests/pictures/cases.txt, written by
// tools/make_picture_cases.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "vision/image.h"

namespace ortolan::vision {
namespace {

const std::string kFolder = std::string(ORTOLAN_SOURCE_DIR) + "/tests/pictures/";

std::string Fnv1a(const std::vector<uint8_t>& bytes) {
  uint64_t state = 0xcbf29ce484222325;
  for (const uint8_t byte : bytes) state = (state ^ byte) * 0x100000001b3;
  return fmt::format("{:016x}", state);
}

// The fields of each line that begins with `verb`.
std::vector<std::vector<std::string>> Cases(const std::string& verb) {
  std::ifstream file(kFolder + "cases.txt");
  std::vector<std::vector<std::string>> cases;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string field;
    fields >> field;
    if (field != verb) continue;
    cases.emplace_back();
    while (fields >> field) cases.back().push_back(field);
  }
  return cases;
}

void ExpectImage(const Result<Image>& image, int width, int height, const std::string& hash) {
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(image->width, width);
  EXPECT_EQ(image->height, height);
  EXPECT_EQ(Fnv1a(image->pixels), hash);
}

TEST(Decode, GivesPillowsPixels) {
  const auto cases = Cases("decode");
  EXPECT_GE(cases.size(), 20U);
  for (const auto& fields : cases) {
    SCOPED_TRACE(fields[0]);
    ExpectImage(LoadImageFile(kFolder + fields[0]), std::stoi(fields[1]), std::stoi(fields[2]), fields[3]);
  }
}

TEST(Decode, RefusesBrokenPictures) {
  const auto cases = Cases("broken");
  EXPECT_GE(cases.size(), 10U);
  for (const auto& fields : cases) {
    SCOPED_TRACE(fields[0]);
    const auto image = LoadImageFile(kFolder + fields[0]);
    ASSERT_FALSE(image.ok());
    EXPECT_EQ(image.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(image.status().message(), testing::HasSubstr(fields[0]));
  }
}

TEST(Decode, SaysWhyAPictureIsRefused) {
  const auto message = [](const char* name) { return LoadImageFile(kFolder + name).status().message(); };
  EXPECT_THAT(message("broken_half_rgb_420.jpg"), testing::HasSubstr("truncated"));
  EXPECT_THAT(message("broken_text.png"), testing::HasSubstr("expected JPEG, PNG or WebP"));
  EXPECT_THAT(message("broken_claims_too_much.png"), testing::HasSubstr("truncated"));
}

// The first bytes of files that claim 50,000 x 50,000 pixels, which would be 7.5 GB.
TEST(Decode, RefusesHugeClaimsBeforeAskingForMemory) {
  using namespace std::string_literals;
  const std::string side = "\xc3\x50"s;
  const std::string jpeg = "\xff\xd8\xff\xc0\x00\x11\x08"s + side + side +
                           "\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00\xff\xda\x00\x0c\x03"s +
                           "\x01\x00\x02\x00\x03\x00\x00\x3f\x00\x00\xff\xd9"s;
  const std::string png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00"s + side + "\x00\x00"s + side +
                          "\x08\x02\x00\x00\x00\xc4\xcd\xaa\x9d"s;
  // The extended header holds sides less one in three bytes, lowest first.
  const std::string webp = "RIFF\x1e\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00"s +
                           "\x4f\xc3\x00\x4f\xc3\x00"s + "VP8L\x00\x00\x00\x00"s;
  for (const std::string& file : {jpeg, png, webp}) {
    const auto image = DecodeImage(std::as_bytes(std::span(file)));
    ASSERT_FALSE(image.ok());
    EXPECT_EQ(image.status().code(), StatusCode::kInvalidArgument) << image.status().message();
  }
  for (const std::string& file : {jpeg, png})
    EXPECT_THAT(DecodeImage(std::as_bytes(std::span(file))).status().message(),
                testing::HasSubstr("50000 x 50000 pixels, more than the limit"));
  EXPECT_EQ(NewImage(50000, 50000).status().code(), StatusCode::kInvalidArgument);
}

TEST(Decode, TellsAMissingFileApart) {
  EXPECT_EQ(LoadImageFile(kFolder + "no_such.png").status().code(), StatusCode::kNoSuchFile);
}

// Every prefix of a file must be refused or decoded, never read past its end (the sanitizers watch).
TEST(Decode, SurvivesEveryPrefix) {
  for (const char* name : {"progressive.jpg", "palette.png", "lossless_alpha.webp"}) {
    std::ifstream file(kFolder + name, std::ios::binary);
    const std::string whole((std::istreambuf_iterator<char>(file)), {});
    for (size_t length = 0; length + 16 < whole.size(); length += 3) {
      const std::string part = whole.substr(0, length);  // its own allocation
      EXPECT_FALSE(DecodeImage(std::as_bytes(std::span(part))).ok()) << name << " cut at " << length;
    }
  }
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
