#include "kernels/gemm/plain_gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace ortolan::kernels {
namespace {

template <typename T>
class PlainGemmTest : public ::testing::Test {};
using Types = ::testing::Types<double, int32_t, int64_t, uint32_t, uint64_t>;
TYPED_TEST_SUITE(PlainGemmTest, Types);

TYPED_TEST(PlainGemmTest, AgreesWithTheDefinition) {
  using T = TypeParam;
  std::mt19937_64 random(3);
  auto value = [&] {
    if constexpr (std::is_same_v<T, double>)
      return std::uniform_real_distribution<double>(-1, 1)(random);
    else
      return static_cast<T>(random());  // products overflow and wrap
  };
  for (const PlainGemmVariant* variant : AllPlainGemm()) {
    if (variant->isa > GetCpuInfo().isa) continue;
    for (int round = 0; round < 60; ++round) {
      auto pick = [&](std::initializer_list<int64_t> from) { return from.begin()[random() % from.size()]; };
      PlainGemm<T> p;
      p.batch = pick({1, 2, 5});
      p.m = pick({0, 1, 2, 3, 4, 5, 63, 65, 130});
      p.n = pick({0, 1, 7, 8, 9, 16, 17, 40});
      p.k = pick({0, 1, 2, 31, 128, 129, 300});
      const bool a_transposed = random() % 2 == 0, b_transposed = random() % 2 == 0;
      p.a_row = a_transposed ? 1 : p.k, p.a_column = a_transposed ? p.m : 1;
      p.b_row = b_transposed ? 1 : p.n, p.b_column = b_transposed ? p.k : 1;
      std::vector<T> a(static_cast<size_t>(p.batch * p.m * p.k)), b(static_cast<size_t>(p.k * p.n));
      for (T& x : a) x = value();
      for (T& x : b) x = value();
      std::vector<int64_t> offsets;
      for (int64_t i = 0; i < p.batch; ++i) offsets.push_back((p.batch - 1 - i) * p.m * p.k);
      p.a = a.data(), p.b = b.data(), p.a_offsets = offsets.data();
      p.c_row = p.n + 1, p.c_batch_stride = p.m * p.c_row;
      std::vector<T> c(static_cast<size_t>(p.batch * p.c_batch_stride), T{99});
      p.c = c.data();
      ThreadPool threads(2);
      RunPlainGemm(*variant, p, threads);
      for (int64_t at = 0; at < p.batch * p.c_batch_stride; ++at) {
        const int64_t item = at / p.c_batch_stride, i = at % p.c_batch_stride / p.c_row, j = at % p.c_row;
        if (j == p.n) {
          ASSERT_EQ(c[static_cast<size_t>(at)], T{99}) << "written beyond the row";
          continue;
        }
        using Sum = std::conditional_t<std::is_same_v<T, double>, double, uint64_t>;
        Sum sum = 0;
        for (int64_t k = 0; k < p.k; ++k) {
          sum += static_cast<Sum>(p.a[offsets[static_cast<size_t>(item)] + i * p.a_row + k * p.a_column]) *
                 static_cast<Sum>(p.b[k * p.b_row + j * p.b_column]);
        }
        if constexpr (std::is_same_v<T, double>) {
          ASSERT_NEAR(c[static_cast<size_t>(at)], sum, 1e-13 * static_cast<double>(p.k + 1)) << variant->name;
        } else {
          ASSERT_EQ(c[static_cast<size_t>(at)], static_cast<T>(sum)) << variant->name;
        }
      }
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
