// Pictures against what Pillow makes of them: tests/pictures/cases.txt, written by
// tools/make_picture_cases.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/image/picture.h"
#include "support/picture_cases.h"

namespace ortolan::image {
namespace {

using namespace std::string_literals;

const std::string kFolder = std::string(ORTOLAN_SOURCE_DIR) + "/tests/pictures/";

Result<Picture> DecodeString(const std::string& file) {
  return Decode(std::as_bytes(std::span(file)));
}
Result<Picture> DecodeFile(const std::string& name) {
  return DecodeString(FileBytes(kFolder + name));
}

TEST(Decode, GivesPillowsPixels) {
  const auto cases = PictureCases(kFolder, "decode");
  EXPECT_GE(cases.size(), 50U);
  for (const auto& fields : cases) {
    SCOPED_TRACE(fields[0]);
    const auto picture = DecodeFile(fields[0]);
    ASSERT_TRUE(picture.ok()) << picture.status().message();
    EXPECT_EQ(picture->width, std::stoi(fields[1]));
    EXPECT_EQ(picture->height, std::stoi(fields[2]));
    EXPECT_EQ(Fnv1a(picture->pixels), fields[3]);
  }
}

TEST(Decode, RefusesBrokenPictures) {
  const auto cases = PictureCases(kFolder, "broken");
  EXPECT_GE(cases.size(), 20U);
  for (const auto& fields : cases) {
    SCOPED_TRACE(fields[0]);
    const auto picture = DecodeFile(fields[0]);
    ASSERT_FALSE(picture.ok());
    EXPECT_EQ(picture.status().code(), StatusCode::kInvalidArgument);
  }
}

// Whoever calls a decoder by itself need not look at the bytes first.
TEST(Decode, EachDecoderRefusesBytesOfAnotherFormat) {
  Result<Picture> (*const decoders[])(std::span<const std::byte>) = {DecodeBmp, DecodeJpeg2000, DecodePng,
                                                                     DecodePnm, DecodeTiff,     DecodeWebp};
  for (const auto decoder : decoders) {
    for (const std::string& file : {""s, "P"s, "P5"s, "P7 1 1 255 a"s, "X6 1 1 255 abc"s, std::string(64, 0)})
      EXPECT_FALSE(decoder(std::as_bytes(std::span(file))).ok()) << file;
  }
}

TEST(Decode, SaysWhyAPictureIsRefused) {
  const auto message = [](const char* name) { return DecodeFile(name).status().message(); };
  EXPECT_THAT(message("broken_half_rgb_420.jpg"), testing::HasSubstr("truncated"));
  EXPECT_THAT(message("broken_text.png"), testing::HasSubstr("expected BMP, JPEG, JPEG 2000, PNG"));
  EXPECT_THAT(message("broken_claims_too_much.png"), testing::HasSubstr("truncated"));
  EXPECT_THAT(message("broken_half_rgb.bmp"), testing::HasSubstr("truncated"));
  EXPECT_THAT(message("broken_half_rgb.ppm"), testing::HasSubstr("truncated"));
}

std::string Little(uint64_t value, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) text += static_cast<char>(i < 8 ? value >> 8 * i & 255 : 0);
  return text;
}
std::string Big(uint64_t value, size_t bytes) {
  const std::string text = Little(value, bytes);
  return {text.rbegin(), text.rend()};
}

// A TIFF of one strip: RGB, 8 bits, compressed as told.
std::string Tiff(uint32_t width, uint32_t height, uint16_t compression) {
  const auto entry = [](uint16_t tag, uint32_t value) {
    return Little(tag, 2) + Little(4, 2) + Little(1, 4) + Little(value, 4);
  };
  return "II\x2a\0"s + Little(8, 4) + Little(9, 2) + entry(256, width) + entry(257, height) + entry(258, 8) +
         entry(259, compression) + entry(262, 2) + entry(273, 8) + entry(277, 3) + entry(278, height) +
         entry(279, 64) + Little(0, 4);
}

// The main header of a codestream with three components.
std::string Codestream(uint32_t width, uint32_t height, uint32_t tile) {
  return "\xff\x4f\xff\x51"s + Big(47, 2) + Big(0, 2) + Big(width, 4) + Big(height, 4) + Big(0, 8) +
         Big(tile, 4) + Big(tile, 4) + Big(0, 8) + Big(3, 2) + "\x07\x01\x01\x07\x01\x01\x07\x01\x01"s;
}

// The first bytes of files that claim 50,000 x 50,000 pixels, which would be 7.5 GB.
TEST(Decode, RefusesHugeClaimsBeforeAskingForMemory) {
  const std::string side = "\xc3\x50"s;
  const std::string jpeg = "\xff\xd8\xff\xc0\x00\x11\x08"s + side + side +
                           "\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00\xff\xda\x00\x0c\x03"s +
                           "\x01\x00\x02\x00\x03\x00\x00\x3f\x00\x00\xff\xd9"s;
  const std::string png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00"s + side + "\x00\x00"s + side +
                          "\x08\x02\x00\x00\x00\xc4\xcd\xaa\x9d"s;
  // The extended header holds sides less one in three bytes, lowest first.
  const std::string webp = "RIFF\x1e\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00"s +
                           "\x4f\xc3\x00\x4f\xc3\x00"s + "VP8L\x00\x00\x00\x00"s;
  const std::string bmp = "BM"s + Little(0, 8) + Little(54, 4) + Little(40, 4) + Little(50000, 4) +
                          Little(50000, 4) + Little(1, 2) + Little(8, 2) + Little(1, 4) + Little(0, 20);
  const std::string files[] = {
      jpeg, png, bmp, "P6 50000 50000 255\n"s, Tiff(50000, 50000, 4), Codestream(50000, 50000, 50000)};
  for (const std::string& file : files) {
    const auto picture = DecodeString(file);
    ASSERT_FALSE(picture.ok());
    EXPECT_EQ(picture.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(picture.status().message(), testing::HasSubstr("50000 x 50000 pixels, more than the limit"));
  }
  EXPECT_EQ(DecodeString(webp).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(NewPicture(50000, 50000).status().code(), StatusCode::kInvalidArgument);
}

// Sizes within the limit that the few bytes of the file cannot hold, or that cost far more than their pixels.
TEST(Decode, RefusesClaimsThatTheFileCannotHold) {
  const auto message = [](const std::string& file) { return DecodeString(file).status().message(); };
  const std::string bmp = "BM"s + Little(0, 8) + Little(54, 4) + Little(40, 4) + Little(16000, 4) +
                          Little(16000, 4) + Little(1, 2) + Little(24, 2) + Little(0, 24);
  EXPECT_THAT(message(bmp), testing::HasSubstr("truncated"));
  EXPECT_THAT(message("P6 16000 16000 255\n"s), testing::HasSubstr("truncated"));
  for (const uint16_t compression : {1, 5, 8, 32773})
    EXPECT_THAT(message(Tiff(16000, 16000, compression)), testing::HasSubstr("truncated"));
  EXPECT_THAT(message(Codestream(16000, 16000, 16000)), testing::HasSubstr("samples"));
  EXPECT_THAT(message(Codestream(4000, 4000, 8)), testing::HasSubstr("tiles"));
}

// A BMP without a palette may claim any number of colours.
TEST(Decode, IgnoresThePaletteOfColours) {
  const std::string bmp = "BM"s + Little(0, 8) + Little(54, 4) + Little(40, 4) + Little(1, 4) + Little(1, 4) +
                          Little(1, 2) + Little(24, 2) + Little(0, 16) + Little(0xffffffff, 4) +
                          Little(0, 4) + "\x01\x02\x03\x00"s;
  const auto picture = DecodeString(bmp);
  ASSERT_TRUE(picture.ok()) << picture.status().message();
  EXPECT_EQ(picture->pixels, (std::vector<uint8_t>{3, 2, 1}));
}

// Every prefix of a file must be refused or decoded, never read past its end (the sanitizers watch).
TEST(Decode, SurvivesEveryPrefix) {
  for (const char* name :
       {"progressive.jpg", "palette.png", "lossless_alpha.webp", "runs_8bit.bmp", "palette.bmp",
        "text_rgb.ppm", "16bit.ppm", "rgb_tiff_lzw.tiff", "bilevel.tiff", "rgb.jp2", "grey.j2k"}) {
    const std::string whole = FileBytes(kFolder + name);
    ASSERT_GT(whole.size(), 40U) << name;
    for (size_t length = 0; length + 16 < whole.size(); length += 3) {
      const std::string part = whole.substr(0, length);  // its own allocation
      EXPECT_FALSE(DecodeString(part).ok()) << name << " cut at " << length;
    }
  }
}

}  // namespace
}  // namespace ortolan::image
