#include "kernels/pool/pool.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "kernels/conv/conv_test_shapes.h"
#include "kernels/conv/reorder.h"
#include "kernels/pool/blocked.h"
#include "support/rounds.h"

namespace ortolan::kernels {
namespace {

// Every element of a window by the definition: body(value or null where in the padding, d, h, w), for
// coordinates inside the padded input.
template <typename T, typename Body>
void ForEachInWindow(const Window& w, const T* plane, int64_t od, int64_t oh, int64_t ow, Body body) {
  for (int64_t kd = 0; kd < w.kernel[0]; ++kd) {
    for (int64_t kh = 0; kh < w.kernel[1]; ++kh) {
      for (int64_t kw = 0; kw < w.kernel[2]; ++kw) {
        const int64_t at[] = {od * w.stride[0] - w.pad[0] + kd * w.dilation[0],
                              oh * w.stride[1] - w.pad[1] + kh * w.dilation[1],
                              ow * w.stride[2] - w.pad[2] + kw * w.dilation[2]};
        bool inside = true, padded = true;
        for (int a = 0; a < 3; ++a) {
          inside = inside && at[a] >= 0 && at[a] < w.in[a];
          padded = padded && at[a] < w.in[a] + w.pad_end[a];
        }
        if (!padded) continue;
        body(inside ? plane + (at[0] * w.in[1] + at[1]) * w.in[2] + at[2] : nullptr, at);
      }
    }
  }
}

Window PoolWindow(uint32_t seed) {
  Window w = RandomConvShape(seed).window;
  for (int a = 0; a < 3; ++a) {
    w.pad[a] = std::max<int64_t>(w.pad[a], 0);
    w.pad_end[a] = std::max<int64_t>(w.pad_end[a], 0);
    const int64_t room = w.in[a] + w.pad[a] + w.pad_end[a] - ((w.kernel[a] - 1) * w.dilation[a] + 1);
    if (room < 0) w.pad_end[a] -= room;
    w.out[a] = seed % 2 ? std::max<int64_t>(room, 0) / w.stride[a] + 1
                        : std::min(CeilDiv(std::max<int64_t>(room, 0), w.stride[a]) + 1,
                                   CeilDiv(w.in[a] + w.pad[a], w.stride[a]));
  }
  return w;
}

TEST(Pool, AgreesWithTheDefinition) {
  ThreadPool pool(2);
  const auto variants = PoolVariants(GetCpuInfo().isa);
  for (uint32_t seed = 0; seed < support::Rounds(300); ++seed) {
    const PoolVariant& variant = *variants[seed % variants.size()];
    const Window w = PoolWindow(seed);
    constexpr int64_t kPlanes = 3;
    std::mt19937 random(seed);
    std::vector<float> x(static_cast<size_t>(kPlanes * w.in_size()));
    for (float& item : x) item = static_cast<float>(static_cast<int>(random() % 41) - 20);
    const size_t outputs = static_cast<size_t>(kPlanes * w.out_size());
    std::vector<float> top(outputs), mean(outputs), padded_mean(outputs), norm(outputs);
    std::vector<int64_t> rows(outputs), columns(outputs);
    MaxPoolPlanar(variant, w, kPlanes, x.data(), top.data(), rows.data(), IndexOrder::kRowMajor, pool);
    MaxPoolPlanar(variant, w, kPlanes, x.data(), top.data(), columns.data(), IndexOrder::kColumnMajor, pool);
    AveragePoolPlanar(variant, w, kPlanes, false, x.data(), mean.data(), pool);
    AveragePoolPlanar(variant, w, kPlanes, true, x.data(), padded_mean.data(), pool);
    LpPoolPlanar(w, kPlanes, 3, x.data(), norm.data(), pool);
    size_t i = 0;
    for (int64_t plane = 0; plane < kPlanes; ++plane) {
      const int64_t base = plane * w.in_size();
      for (int64_t od = 0; od < w.out[0]; ++od) {
        for (int64_t oh = 0; oh < w.out[1]; ++oh) {
          for (int64_t ow = 0; ow < w.out[2]; ++ow, ++i) {
            double best = -std::numeric_limits<double>::infinity(), sum = 0, cubes = 0;
            int64_t row = 0, column = 0, live = 0, all = 0;
            ForEachInWindow(w, x.data() + base, od, oh, ow, [&](const float* item, const int64_t* at) {
              ++all;
              if (!item) return;
              ++live;
              sum += *item;
              cubes += std::pow(std::fabs(*item), 3.0);
              if (*item > best) {
                best = *item;
                row = (at[0] * w.in[1] + at[1]) * w.in[2] + at[2];
                column = at[0] + w.in[0] * (at[1] + w.in[1] * at[2]);
              }
            });
            SCOPED_TRACE(seed);
            ASSERT_EQ(top[i], static_cast<float>(best));
            ASSERT_EQ(rows[i], base + row);
            ASSERT_EQ(columns[i], base + column);
            ASSERT_FLOAT_EQ(mean[i], live ? static_cast<float>(sum / static_cast<double>(live)) : 0.0f);
            ASSERT_FLOAT_EQ(padded_mean[i], all ? static_cast<float>(sum / static_cast<double>(all)) : 0.0f);
            ASSERT_FLOAT_EQ(norm[i], static_cast<float>(std::cbrt(cubes)));
          }
        }
      }
    }
  }
}

TEST(BlockedPool, AgreesWithThePlanarPoolOnEveryLevel) {
  ThreadPool pool(2);
  for (const PoolVariant* variant : PoolVariants(GetCpuInfo().isa)) {
    for (uint32_t seed = 0; seed < support::Rounds(300); ++seed) {
      SCOPED_TRACE(seed);
      const Window w = PoolWindow(seed);
      const int64_t channels = 1 + seed % 37, blocks = CeilDiv(channels, variant->block);
      std::mt19937 random(seed);
      std::vector<float> x(static_cast<size_t>(2 * channels * w.in_size()));
      for (float& item : x) item = static_cast<float>(static_cast<int>(random() % 41) - 20);
      if (seed % 5 == 0) x[x.size() / 2] = std::numeric_limits<float>::quiet_NaN();
      const size_t outputs = static_cast<size_t>(2 * channels * w.out_size());
      std::vector<float> expected(outputs), y(outputs);
      std::vector<float> blocked_x(static_cast<size_t>(2 * blocks * variant->block * w.in_size()));
      std::vector<float> blocked_y(
          static_cast<size_t>(2 * blocks * variant->block * std::max<int64_t>(1, w.out_size())));
      ToBlocked(2, channels, w.in_size(), variant->block, x.data(), blocked_x.data(), pool);
      auto compare = [&] {
        FromBlocked(2, channels, w.out_size(), variant->block, blocked_y.data(), y.data(), pool);
        for (size_t i = 0; i < outputs; ++i) {
          ASSERT_TRUE(std::isnan(expected[i]) ? std::isnan(y[i])
                                              : expected[i] == y[i] || std::fabs(expected[i] - y[i]) < 1e-4)
              << i;
        }
      };
      MaxPoolPlanar<float>(*variant, w, 2 * channels, x.data(), expected.data(), nullptr,
                           IndexOrder::kRowMajor, pool);
      MaxPoolBlocked(*variant, PlanBlockedPool(w, false), 2, blocks, blocked_x.data(), blocked_y.data(),
                     pool);
      compare();
      for (bool padding : {false, true}) {
        AveragePoolPlanar(*variant, w, 2 * channels, padding, x.data(), expected.data(), pool);
        AveragePoolBlocked(*variant, PlanBlockedPool(w, padding), 2, blocks, blocked_x.data(),
                           blocked_y.data(), pool);
        compare();
      }
      MeanBlocked(*variant, 2 * blocks, w.in_size(), blocked_x.data(), blocked_y.data(), pool);
      double sum = 0;
      for (int64_t i = 0; i < w.in_size(); ++i) sum += x[static_cast<size_t>(i)];
      if (std::isnan(sum)) sum = 0, blocked_y[0] = 0;
      ASSERT_NEAR(blocked_y[0], sum / static_cast<double>(w.in_size()), 1e-4);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(Pool, MaximumOfIntegersAndNan) {
  ThreadPool pool(1);
  Window w;
  w.in[2] = 4;
  w.kernel[2] = 2;
  w.stride[2] = 2;
  w.out[2] = 2;
  for (const PoolVariant* variant : PoolVariants(GetCpuInfo().isa)) {
    const int8_t x[] = {-128, -128, 3, 2};
    int8_t y[2];
    MaxPoolPlanar(*variant, w, 1, x, y, nullptr, IndexOrder::kRowMajor, pool);
    EXPECT_EQ(y[0], -128);
    EXPECT_EQ(y[1], 3);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float f[] = {nan, 1, 2, nan};
    float g[2];
    int64_t at[2];
    MaxPoolPlanar(*variant, w, 1, f, g, at, IndexOrder::kRowMajor, pool);
    EXPECT_TRUE(std::isnan(g[0]) && std::isnan(g[1]));
    EXPECT_EQ(at[0], 0);
    EXPECT_EQ(at[1], 3);
    MaxPoolPlanar(*variant, w, 1, f, g, nullptr, IndexOrder::kRowMajor, pool);
    EXPECT_TRUE(std::isnan(g[0]) && std::isnan(g[1]));
  }
}

// Lines that a row kernel takes in several stretches, each type, and strides with a form of their own.
template <typename T>
void CheckWideLines(const PoolVariant& variant, uint32_t seed) {
  ThreadPool pool(2);
  Window w;
  w.in[1] = 5;
  w.in[2] = 2500 + static_cast<int64_t>(seed);
  w.kernel[1] = 1 + seed % 4;
  w.kernel[2] = 1 + seed % 6;
  w.stride[2] = 1 + seed % 3;
  w.dilation[2] = 1 + seed % 2;
  w.pad[2] = seed % 5;
  w.out[1] = 6 - w.kernel[1];
  w.out[2] = (w.in[2] + w.pad[2] + 2 - (w.kernel[2] - 1) * w.dilation[2] - 1) / w.stride[2] + 1;
  std::mt19937 random(seed);
  std::vector<T> x(static_cast<size_t>(2 * w.in_size())), y(static_cast<size_t>(2 * w.out_size()));
  for (T& item : x) item = static_cast<T>(random() % 101);
  MaxPoolPlanar<T>(variant, w, 2, x.data(), y.data(), nullptr, IndexOrder::kRowMajor, pool);
  std::vector<T> mean(y.size());
  if constexpr (std::is_floating_point_v<T>) {
    AveragePoolPlanar<T>(variant, w, 2, false, x.data(), mean.data(), pool);
  }
  for (int64_t i = 0; i < 2 * w.out_size(); ++i) {
    const int64_t plane = i / w.out_size(), oh = i / w.out[2] % w.out[1], ow = i % w.out[2];
    T best = std::numeric_limits<T>::lowest();
    double sum = 0, count = 0;
    ForEachInWindow(w, x.data() + plane * w.in_size(), 0, oh, ow, [&](const T* item, const int64_t*) {
      if (item) best = std::max(best, *item), sum += static_cast<double>(*item), ++count;
    });
    if (count == 0 && std::is_floating_point_v<T>) best = -std::numeric_limits<T>::infinity();
    ASSERT_EQ(y[static_cast<size_t>(i)], best) << i;
    if constexpr (std::is_floating_point_v<T>) {
      ASSERT_NEAR(mean[static_cast<size_t>(i)], count > 0 ? sum / count : 0.0, 1e-4) << i;
    }
  }
}

TEST(Pool, TakesWideLinesInStretches) {
  for (const PoolVariant* variant : PoolVariants(GetCpuInfo().isa)) {
    for (uint32_t seed = 0; seed < 30; ++seed) {
      SCOPED_TRACE(seed);
      CheckWideLines<float>(*variant, seed);
      CheckWideLines<double>(*variant, seed);
      CheckWideLines<int8_t>(*variant, seed);
      CheckWideLines<uint8_t>(*variant, seed);
      CheckWideLines<int32_t>(*variant, seed);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(Pool, MaximumOfAWholeMap) {
  ThreadPool pool(1);
  for (const PoolVariant* variant : PoolVariants(GetCpuInfo().isa)) {
    for (int64_t count : {1, 5, 63, 64, 65, 300}) {
      Window w;
      w.in[2] = w.kernel[2] = count;
      std::vector<float> x(static_cast<size_t>(count), -std::numeric_limits<float>::infinity());
      float y = 0;
      MaxPoolPlanar<float>(*variant, w, 1, x.data(), &y, nullptr, IndexOrder::kRowMajor, pool);
      EXPECT_EQ(y, -std::numeric_limits<float>::infinity());
      for (size_t at = 0; at < x.size(); ++at) {
        x[at] = 3;
        MaxPoolPlanar<float>(*variant, w, 1, x.data(), &y, nullptr, IndexOrder::kRowMajor, pool);
        EXPECT_EQ(y, 3) << at;
        x[at] = std::numeric_limits<float>::quiet_NaN();
        MaxPoolPlanar<float>(*variant, w, 1, x.data(), &y, nullptr, IndexOrder::kRowMajor, pool);
        EXPECT_TRUE(std::isnan(y)) << at;
        x[at] = -1;
      }
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
