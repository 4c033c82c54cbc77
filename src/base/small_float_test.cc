#include "base/small_float.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace ortolan {
namespace {

struct Form {
  const char* name;
  SmallFloatFormat format;
  int codes;
  int exponent_bits;
};
const Form kForms[] = {{"e4m3fn", kE4M3FN, 256, 4},
                       {"e4m3fnuz", kE4M3FNUZ, 256, 4},
                       {"e5m2", kE5M2, 256, 5},
                       {"e5m2fnuz", kE5M2FNUZ, 256, 5},
                       {"e2m1", kE2M1, 16, 2},
                       {"e2m3", kE2M3, 64, 2},
                       {"e3m2", kE3M2, 64, 3}};

TEST(SmallFloat, LandmarksOfEachForm) {  // as ONNX's documentation lists them
  EXPECT_EQ(DecodeSmallFloat(kE4M3FN, 0x7e), 448.0f);
  EXPECT_EQ(DecodeSmallFloat(kE4M3FN, 0x01), 0x1p-9f);
  EXPECT_TRUE(std::isnan(DecodeSmallFloat(kE4M3FN, 0xff)));
  EXPECT_EQ(DecodeSmallFloat(kE4M3FNUZ, 0x7f), 240.0f);
  EXPECT_EQ(DecodeSmallFloat(kE4M3FNUZ, 0x01), 0x1p-10f);
  EXPECT_TRUE(std::isnan(DecodeSmallFloat(kE4M3FNUZ, 0x80)));
  EXPECT_EQ(DecodeSmallFloat(kE5M2, 0x7b), 57344.0f);
  EXPECT_EQ(DecodeSmallFloat(kE5M2, 0x01), 0x1p-16f);
  EXPECT_TRUE(std::isinf(DecodeSmallFloat(kE5M2, 0xfc)));
  EXPECT_TRUE(std::isnan(DecodeSmallFloat(kE5M2, 0x7d)));
  EXPECT_EQ(DecodeSmallFloat(kE5M2FNUZ, 0xff), -57344.0f);
  EXPECT_EQ(DecodeSmallFloat(kE5M2FNUZ, 0x01), 0x1p-17f);
  const float e2m1[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
  for (uint8_t code = 0; code < 8; ++code) {
    EXPECT_EQ(DecodeSmallFloat(kE2M1, code), e2m1[code]);
    EXPECT_EQ(DecodeSmallFloat(kE2M1, code | 8), -e2m1[code]);
  }
}

TEST(SmallFloat, EncodingGivesEachCodeBack) {
  for (const Form& form : kForms) {
    for (int code = 0; code < form.codes; ++code) {
      const float value = DecodeSmallFloat(form.format, static_cast<uint8_t>(code));
      const uint8_t back = EncodeSmallFloat(form.format, value, false);
      if (std::isnan(value)) {
        EXPECT_TRUE(std::isnan(DecodeSmallFloat(form.format, back))) << form.name << " " << code;
      } else {
        EXPECT_EQ(back, code) << form.name << " " << value;
      }
    }
  }
}

// The nearest of all finite codes, the even one of two.
uint8_t Nearest(const Form& form, float value) {
  int best = -1;
  double least = 0;
  for (int code = 0; code < form.codes; ++code) {
    const float candidate = DecodeSmallFloat(form.format, static_cast<uint8_t>(code));
    if (!std::isfinite(candidate) || std::signbit(candidate) != std::signbit(value)) continue;
    const double distance = std::abs(static_cast<double>(candidate) - static_cast<double>(value));
    if (best < 0 || distance < least || (distance == least && code % 2 == 0)) {
      best = code;
      least = distance;
    }
  }
  if (best < 0) return 0;
  return static_cast<uint8_t>(best);
}

TEST(SmallFloat, RoundsToTheNearestCode) {
  std::mt19937 random(11);
  for (const Form& form : kForms) {
    std::vector<float> values = {0.0f,   1e-30f,   1e-45f, 1e6f, 447.9f, 464.0f,
                                 480.0f, 61440.0f, 5.0f,   2.5f, 0.25f};
    std::uniform_real_distribution<float> fraction(1, 2);
    for (int exponent = -20; exponent < 18; ++exponent) {
      for (int i = 0; i < 20; ++i) values.push_back(std::ldexp(fraction(random), exponent));
      for (int i = 0; i < 32; ++i)
        values.push_back(std::ldexp(1.0f + static_cast<float>(i) / 32.0f, exponent));
    }
    for (float value : values) {
      for (float number : {value, -value}) {
        const uint8_t expected = Nearest(form, number);
        const uint8_t got = EncodeSmallFloat(form.format, number, true);
        // Forms without negative zero give the positive one.
        if (!form.format.has_negative_zero && DecodeSmallFloat(form.format, got) == 0) {
          EXPECT_EQ(got, 0) << form.name << " " << number;
          EXPECT_EQ(EncodeSmallFloat(form.format, std::abs(number), true), 0) << form.name;
          continue;
        }
        EXPECT_EQ(got, expected) << form.name << " " << number;
      }
    }
  }
}

TEST(SmallFloat, OverflowWithoutSaturation) {
  EXPECT_EQ(EncodeSmallFloat(kE4M3FN, 1000.0f, false), 0x7f);
  EXPECT_EQ(EncodeSmallFloat(kE4M3FN, -1000.0f, false), 0xff);
  EXPECT_EQ(EncodeSmallFloat(kE4M3FNUZ, 1000.0f, false), 0x80);
  EXPECT_EQ(EncodeSmallFloat(kE5M2, 1e6f, false), 0x7c);
  EXPECT_EQ(EncodeSmallFloat(kE5M2, -std::numeric_limits<float>::infinity(), false), 0xfc);
  EXPECT_EQ(EncodeSmallFloat(kE5M2, -std::numeric_limits<float>::infinity(), true), 0xfb);
  EXPECT_EQ(EncodeSmallFloat(kE5M2FNUZ, -1e6f, false), 0x80);
}

TEST(SmallFloat, PowersOfTwo) {
  EXPECT_EQ(DecodePower(127), 1.0f);
  EXPECT_EQ(DecodePower(0), 0x1p-127f);
  EXPECT_TRUE(std::isnan(DecodePower(255)));
  EXPECT_EQ(EncodePower(3.0f, true, PowerRounding::kUp), 129);
  EXPECT_EQ(EncodePower(3.0f, true, PowerRounding::kDown), 128);
  EXPECT_EQ(EncodePower(3.0f, true, PowerRounding::kNearest), 129);
  EXPECT_EQ(EncodePower(2.9f, true, PowerRounding::kNearest), 128);
  EXPECT_EQ(EncodePower(3e38f, true, PowerRounding::kUp), 254);
  EXPECT_EQ(EncodePower(3e38f, false, PowerRounding::kUp), 255);
  EXPECT_EQ(EncodePower(std::numeric_limits<float>::infinity(), true, PowerRounding::kUp), 255);
}

}  // namespace
}  // namespace ortolan
