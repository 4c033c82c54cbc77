#include "kernels/quant/byte_maps.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace ortolan::kernels {
namespace {

std::vector<uint8_t> Random(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

int32_t NumberOf(uint8_t byte, bool is_signed) {
  return is_signed ? int32_t{static_cast<int8_t>(byte)} : int32_t{byte};
}

int32_t Rounded(double value, bool is_signed) {
  const double low = is_signed ? -128 : 0;
  return static_cast<int32_t>(std::nearbyint(std::fmin(std::fmax(value, low), low + 255)));
}

class EachMaps : public testing::TestWithParam<int64_t> {
 protected:
  template <typename Body>
  void ForEach(Body body) {
    for (const ByteMaps* maps : AllByteMaps()) {
      if (maps->isa > GetCpuInfo().isa) continue;
      for (const bool is_signed : {false, true}) body(*maps, is_signed);
    }
  }
  const int64_t n = GetParam();
  const size_t count = static_cast<size_t>(GetParam());
};

// Powers of two as scales make every step exact, so that all orders of rounding agree.
TEST_P(EachMaps, SumsAndProducts) {
  const std::vector<uint8_t> a = Random(count, 1), b = Random(count + 1, 2);
  ForEach([&](const ByteMaps& maps, bool is_signed) {
    for (const bool product : {false, true}) {
      const ByteBinaryFacts facts = BinaryFacts(product, is_signed, 0.25f, 3, 0.5f, 7, 0.5f, 11);
      for (const int64_t step : {0, 1}) {
        std::vector<uint8_t> y(count);
        maps.binary(facts, a.data(), b.data(), step, n, y.data());
        for (size_t i = 0; i < count; ++i) {
          const double left = 0.25 * (NumberOf(a[i], is_signed) - 3);
          const double right = 0.5 * (NumberOf(b[step == 0 ? 0 : i], is_signed) - 7);
          const double value = (product ? left * right : left + right) / 0.5 + 11;
          ASSERT_EQ(NumberOf(y[i], is_signed), Rounded(value, is_signed)) << maps.name << " at " << i;
        }
      }
    }
  });
}

TEST_P(EachMaps, TablesLargestAndSums) {
  const std::vector<uint8_t> table = Random(256, 3), x = Random(count, 4), z = Random(count, 5);
  ForEach([&](const ByteMaps& maps, bool is_signed) {
    std::vector<uint8_t> y(count);
    maps.table(table.data(), x.data(), n, y.data());
    for (size_t i = 0; i < count; ++i) ASSERT_EQ(y[i], table[x[i]]) << maps.name << " at " << i;
    const uint8_t* taps[] = {x.data(), z.data()};
    maps.largest(taps, 2, is_signed, n, y.data());
    std::vector<int32_t> sums(count, 5);
    maps.accumulate(x.data(), is_signed, n, sums.data());
    for (size_t i = 0; i < count; ++i) {
      const int32_t left = NumberOf(x[i], is_signed), right = NumberOf(z[i], is_signed);
      ASSERT_EQ(NumberOf(y[i], is_signed), std::max(left, right)) << maps.name;
      ASSERT_EQ(sums[i], 5 + left) << maps.name;
    }
  });
}

TEST_P(EachMaps, FloatsToBytesAndBack) {
  std::mt19937 random(6);
  std::normal_distribution<float> normal(0, 20);
  std::vector<float> x(count);
  for (float& item : x) item = normal(random);
  if (count > 2) {
    x[0] = std::numeric_limits<float>::infinity();
    x[1] = -std::numeric_limits<float>::infinity();
  }
  const std::vector<uint8_t> bytes = Random(count, 7);
  ForEach([&](const ByteMaps& maps, bool is_signed) {
    std::vector<uint8_t> y(count);
    std::vector<float> back(count);
    maps.quantize(x.data(), 0.3f, 9, is_signed, n, y.data());
    maps.dequantize(bytes.data(), 0.3f, 9, is_signed, n, back.data());
    float low = 1, high = 1;
    maps.range(x.data(), n, &low, &high);
    for (size_t i = 0; i < count; ++i) {
      const double rounded = std::nearbyint(static_cast<double>(x[i] / 0.3f)) + 9;
      ASSERT_EQ(NumberOf(y[i], is_signed), Rounded(rounded, is_signed)) << maps.name << " of " << x[i];
      ASSERT_EQ(back[i], static_cast<float>(NumberOf(bytes[i], is_signed) - 9) * 0.3f) << maps.name;
    }
    ASSERT_EQ(low,
              std::accumulate(x.begin(), x.end(), 0.0f, [](float a, float b) { return std::fmin(a, b); }));
    ASSERT_EQ(high,
              std::accumulate(x.begin(), x.end(), 0.0f, [](float a, float b) { return std::fmax(a, b); }));
  });
}

TEST(ByteMaps, NanBecomesTheLowEnd) {
  const std::vector<float> x(5, std::numeric_limits<float>::quiet_NaN());
  for (const ByteMaps* maps : AllByteMaps()) {
    if (maps->isa > GetCpuInfo().isa) continue;
    std::vector<uint8_t> y(5, 77);
    maps->quantize(x.data(), 0.5f, 3, false, 5, y.data());
    EXPECT_EQ(y, std::vector<uint8_t>(5, 0)) << maps->name;
  }
}

INSTANTIATE_TEST_SUITE_P(ByteMaps, EachMaps, testing::Values(0, 1, 7, 16, 33, 64, 1000));

}  // namespace
}  // namespace ortolan::kernels
