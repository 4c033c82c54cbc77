#include "kernels/line/line.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace ortolan::kernels {
namespace {

std::vector<const LineKernels*> Usable() {
  std::vector<const LineKernels*> usable;
  for (const LineKernels* variant : AllLines()) {
    if (variant->isa <= GetCpuInfo().isa) usable.push_back(variant);
  }
  return usable;
}

std::vector<float> Numbers(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> values(-1, 1);
  std::vector<float> numbers(count);
  for (float& number : numbers) number = values(random);
  return numbers;
}

TEST(Line, Eliminates) {
  for (const LineKernels* variant : Usable()) {
    for (size_t n = 0; n < 40; ++n) {
      constexpr size_t kRows = 3;
      const size_t stride = n + 2;
      const std::vector<double> factors{0.5, -2, 0};
      std::vector<double> x(n + 1), y(kRows * stride, 4.0), expected = y;
      for (size_t i = 0; i <= n; ++i) x[i] = static_cast<double>(i) + 0.5;
      for (size_t r = 0; r < kRows; ++r) {
        for (size_t i = 0; i < n; ++i) expected[r * stride + i] -= factors[r] * x[i];
      }
      variant->eliminate(factors.data(), x.data(), y.data(), kRows, static_cast<int64_t>(stride),
                         static_cast<int64_t>(n));
      EXPECT_EQ(y, expected) << variant->name;
    }
  }
}

TEST(Line, CombinesRows) {
  for (const LineKernels* variant : Usable()) {
    for (size_t n : {1u, 7u, 8u, 16u, 31u, 64u, 70u, 130u}) {
      for (size_t rows : {0u, 1u, 5u, 64u}) {
        const std::vector<float> factors = Numbers(rows, 1), x = Numbers(rows * n, 2);
        std::vector<float> y(n + 1, 9.0f);
        variant->combine(factors.data(), x.data(), static_cast<int64_t>(rows), static_cast<int64_t>(n),
                         y.data());
        for (size_t i = 0; i < n; ++i) {
          double sum = 0;
          for (size_t r = 0; r < rows; ++r)
            sum += static_cast<double>(factors[r]) * static_cast<double>(x[r * n + i]);
          EXPECT_NEAR(static_cast<double>(y[i]), sum, 1e-5) << variant->name;
        }
        EXPECT_EQ(y[n], 9.0f);
      }
    }
  }
}

TEST(Line, BlendsRows) {
  for (const LineKernels* variant : Usable()) {
    for (size_t n : {1u, 8u, 15u, 64u, 100u, 256u}) {
      for (size_t count : {0u, 1u, 16u}) {
        const std::vector<float> weights = Numbers(count, 1), x = Numbers(count * n, 2),
                                 start = Numbers(n, 3);
        std::vector<const float*> rows;
        for (size_t r = 0; r < count; ++r) rows.push_back(x.data() + (count - 1 - r) * n);
        for (const bool add : {false, true}) {
          std::vector<float> y = start;
          y.push_back(9.0f);
          variant->blend(rows.data(), weights.data(), static_cast<int64_t>(count), static_cast<int64_t>(n),
                         add, y.data());
          for (size_t i = 0; i < n; ++i) {
            double sum = add ? static_cast<double>(start[i]) : 0.0;
            for (size_t r = 0; r < count; ++r)
              sum += static_cast<double>(weights[r]) * static_cast<double>(rows[r][i]);
            EXPECT_NEAR(static_cast<double>(y[i]), sum, 1e-5) << variant->name;
          }
          EXPECT_EQ(y[n], 9.0f);
        }
      }
    }
  }
}

TEST(Line, StepsAState) {
  for (const LineKernels* variant : Usable()) {
    for (size_t values : {1u, 9u, 16u, 64u, 67u, 150u}) {
      for (size_t keys : {1u, 3u, 64u}) {
        std::vector<float> state = Numbers(keys * values + 1, 1), before = state, out(values + 1, 7.0f);
        const std::vector<float> decay = Numbers(keys, 2), key = Numbers(keys, 3), value = Numbers(values, 4),
                                 query = Numbers(keys, 5);
        variant->step_state({state.data(), static_cast<int64_t>(keys), static_cast<int64_t>(values),
                             decay.data(), key.data(), value.data(), query.data(), out.data()});
        for (size_t m = 0; m < values; ++m) {
          double sum = 0;
          for (size_t d = 0; d < keys; ++d) {
            const double expected =
                static_cast<double>(decay[d]) * static_cast<double>(before[d * values + m]) +
                static_cast<double>(key[d]) * static_cast<double>(value[m]);
            ASSERT_NEAR(static_cast<double>(state[d * values + m]), expected, 1e-6) << variant->name;
            sum += static_cast<double>(query[d]) * expected;
          }
          EXPECT_NEAR(static_cast<double>(out[m]), sum, 1e-5) << variant->name;
        }
        EXPECT_EQ(state.back(), before.back());
        EXPECT_EQ(out.back(), 7.0f);
      }
    }
  }
}

TEST(Line, FindsOverlaps) {
  std::mt19937 random(3);
  const auto corner = [&] { return static_cast<float>(random() % 64) / 8.0f; };
  for (const LineKernels* variant : Usable()) {
    for (int turn = 0; turn < 2000; ++turn) {
      const size_t count = random() % 40;
      // The last one stands behind the count and overlaps everything.
      std::vector<float> lines[5];
      for (size_t i = 0; i <= count; ++i) {
        const bool last = i == count;
        const float x = last ? 0.0f : corner(), y = last ? 0.0f : corner();
        const float w = last ? 9.0f : corner() / 4, h = last ? 9.0f : corner() / 4;
        const float box[] = {x, y, x + w, y + h, w * h};
        for (size_t k = 0; k < 5; ++k) lines[k].push_back(box[k]);
      }
      const float x = corner(), y = corner(), w = corner() / 4, h = corner() / 4;
      const float box[] = {x, y, x + w, y + h}, area = w * h;
      const float threshold = static_cast<float>(random() % 5) / 4.0f;
      bool expected = false;
      for (size_t i = 0; i < count; ++i) {
        const float wide = std::min(box[2], lines[2][i]) - std::max(box[0], lines[0][i]);
        const float high = std::min(box[3], lines[3][i]) - std::max(box[1], lines[1][i]);
        if (!(wide > 0) || !(high > 0) || area <= 0 || lines[4][i] <= 0) continue;
        expected = expected || wide * high / (area + lines[4][i] - wide * high) > threshold;
      }
      const BoxLines boxes{lines[0].data(), lines[1].data(), lines[2].data(), lines[3].data(),
                           lines[4].data()};
      ASSERT_EQ(variant->overlaps(boxes, static_cast<int64_t>(count), box, area, threshold), expected)
          << variant->name;
    }
    // Nothing overlaps a box of numbers that are none.
    const float nan = std::numeric_limits<float>::quiet_NaN(), zero = 0, one = 1;
    const float strange[] = {nan, nan, nan, nan};
    EXPECT_FALSE(variant->overlaps({&zero, &zero, &one, &one, &one}, 1, strange, nan, 0.5f));
  }
}

}  // namespace
}  // namespace ortolan::kernels
