#include "kernels/quant/integer_product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace ortolan::kernels {
namespace {

std::vector<int16_t> Random(int64_t count, int seed) {
  std::mt19937 random(static_cast<unsigned>(seed));
  std::uniform_int_distribution<int> draw(-255, 255);
  std::vector<int16_t> items(static_cast<size_t>(count));
  for (int16_t& item : items) item = static_cast<int16_t>(draw(random));
  return items;
}

TEST(IntegerProduct, EveryVariantAgreesWithTheDefinition) {
  ThreadPool threads(2);
  for (const IntegerProductVariant* variant : AllIntegerProducts()) {
    if (variant->isa > GetCpuInfo().isa) continue;
    for (const auto& [m, n, k] : std::vector<std::tuple<int64_t, int64_t, int64_t>>{{1, 1, 1},
                                                                                    {2, 4, 16},
                                                                                    {3, 5, 7},
                                                                                    {1, 6, 33},
                                                                                    {33, 65, 40},
                                                                                    {5, 3, 0},
                                                                                    {0, 3, 4},
                                                                                    {70, 130, 65}}) {
      const std::vector<int16_t> a = Random(m * k, 1), b = Random(n * k, 2);
      const int64_t stride = n + 3;
      std::vector<int32_t> c(static_cast<size_t>(m * stride), 77);
      IntegerProduct(*variant, a.data(), b.data(), m, n, k, c.data(), stride, threads);
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < stride; ++j) {
          int64_t sum = j < n ? 0 : 77;
          for (int64_t t = 0; j < n && t < k; ++t)
            sum += a[static_cast<size_t>(i * k + t)] * b[static_cast<size_t>(j * k + t)];
          ASSERT_EQ(c[static_cast<size_t>(i * stride + j)], sum)
              << variant->name << " " << m << "x" << n << "x" << k << " at " << i << "," << j;
        }
      }
    }
  }
}

TEST(IntegerProduct, LongSumsWrap) {
  ThreadPool threads(1);
  const int64_t k = 70000;  // 255 * 255 * 70000 is past 2^32
  const std::vector<int16_t> a(static_cast<size_t>(k), 255);
  const auto expected = static_cast<int32_t>(static_cast<uint32_t>(int64_t{255} * 255 * k));
  for (const IntegerProductVariant* variant : AllIntegerProducts()) {
    if (variant->isa > GetCpuInfo().isa) continue;
    int32_t c = 0;
    IntegerProduct(*variant, a.data(), a.data(), 1, 1, k, &c, 1, threads);
    EXPECT_EQ(c, expected) << variant->name;
  }
}

TEST(IntegerProduct, RequantizesToTheNearest) {
  const std::vector<int32_t> sums = {0, 1, 3, 5, -1, -3, 1000, -1000, 2147483647, -2147483647 - 1};
  std::vector<int8_t> signed_bytes(sums.size());
  std::vector<uint8_t> bytes(sums.size());
  RequantizeElements(sums.data(), static_cast<int64_t>(sums.size()), 0.5f, 3, true, signed_bytes.data());
  RequantizeElements(sums.data(), static_cast<int64_t>(sums.size()), 0.5f, 3, false, bytes.data());
  for (size_t i = 0; i < sums.size(); ++i) {
    const double exact = std::nearbyint(sums[i] * 0.5) + 3;  // ties to even
    EXPECT_EQ(signed_bytes[i], std::fmin(127, std::fmax(-128, exact))) << sums[i];
    EXPECT_EQ(bytes[i], std::fmin(255, std::fmax(0, exact))) << sums[i];
  }
}

}  // namespace
}  // namespace ortolan::kernels
