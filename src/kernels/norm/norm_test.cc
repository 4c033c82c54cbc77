#include "kernels/norm/norm.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>
#include <vector>

namespace ortolan::kernels {
namespace {

std::vector<const NormF32Variant*> Usable() {
  std::vector<const NormF32Variant*> usable;
  for (const NormF32Variant* variant : AllNormF32()) {
    if (variant->isa <= GetCpuInfo().isa) usable.push_back(variant);
  }
  return usable;
}

std::vector<float> Random(int64_t count, float low, float high) {
  std::mt19937 random(11);
  std::uniform_real_distribution<float> draw(low, high);
  std::vector<float> items(static_cast<size_t>(count));
  for (float& item : items) item = draw(random);
  return items;
}

// Softmax of elements at, at + stride, ... in double.
std::vector<double> Reference(const std::vector<float>& x, int64_t at, int64_t stride, int64_t count,
                              bool log) {
  double most = -INFINITY, sum = 0;
  for (int64_t i = 0; i < count; ++i)
    most = std::max(most, static_cast<double>(x[static_cast<size_t>(at + i * stride)]));
  for (int64_t i = 0; i < count; ++i)
    sum += std::exp(static_cast<double>(x[static_cast<size_t>(at + i * stride)]) - most);
  std::vector<double> result;
  for (int64_t i = 0; i < count; ++i) {
    const double moved = static_cast<double>(x[static_cast<size_t>(at + i * stride)]) - most;
    result.push_back(log ? moved - std::log(sum) : std::exp(moved) / sum);
  }
  return result;
}

TEST(SoftmaxF32, EveryVariantAndView) {
  const AxisView views[] = {{1, 1, 1},    {5, 7, 1}, {3, 16, 1},   {2, 17, 1},  {2, 100, 1},
                            {1, 5000, 1}, {2, 5, 3}, {1, 16, 200}, {3, 33, 40}, {400, 50, 2}};
  for (const NormF32Variant* variant : Usable()) {
    for (const AxisView& view : views) {
      for (bool log : {false, true}) {
        const std::vector<float> x = Random(view.outer * view.count * view.inner, -20, 20);
        std::vector<float> y(x.size()), in_place = x;
        ThreadPool pool(2);
        Softmax(*variant, view, log, x.data(), y.data(), pool);
        Softmax(*variant, view, log, in_place.data(), in_place.data(), pool);
        EXPECT_EQ(y, in_place) << variant->name;
        for (int64_t o = 0; o < view.outer; ++o) {
          for (int64_t j = 0; j < view.inner; ++j) {
            const int64_t at = o * view.count * view.inner + j;
            const std::vector<double> expected = Reference(x, at, view.inner, view.count, log);
            for (int64_t i = 0; i < view.count; ++i) {
              const double got = static_cast<double>(y[static_cast<size_t>(at + i * view.inner)]);
              const double want = expected[static_cast<size_t>(i)];
              ASSERT_NEAR(got, want,
                          log ? 2e-6 * std::max(2.0, std::fabs(want)) : 1e-6 * std::max(0.01, want))
                  << variant->name << " count " << view.count;
            }
          }
        }
      }
    }
  }
}

TEST(SoftmaxF32, InfinitiesAndNan) {
  for (const NormF32Variant* variant : Usable()) {
    for (int64_t count : {3, 40}) {
      std::vector<float> x(static_cast<size_t>(count), -INFINITY), y(x.size());
      x[1] = 2;
      variant->softmax_rows(x.data(), y.data(), 1, count, false);
      for (int64_t i = 0; i < count; ++i)
        EXPECT_EQ(y[static_cast<size_t>(i)], i == 1 ? 1.0f : 0.0f) << variant->name;
      x[2] = NAN;
      variant->softmax_rows(x.data(), y.data(), 1, count, false);
      for (float item : y) EXPECT_TRUE(std::isnan(item)) << variant->name;
    }
  }
}

TEST(SoftmaxF32, ScoresWithAndWithoutMask) {
  for (const NormF32Variant* variant : Usable()) {
    for (int64_t count : {1, 3, 16, 17, 49, 64, 100, 513}) {
      for (bool masked : {false, true}) {
        const int64_t rows = 3, stride = count + 5;
        const std::vector<float> x = Random(rows * stride, -30, 30), mask = Random(rows * count, -40, 5);
        std::vector<float> y = x;
        variant->softmax_scores(
            {y.data(), stride, masked ? mask.data() : nullptr, count, rows, count, 0, false});
        for (int64_t r = 0; r < rows; ++r) {
          std::vector<double> scores;
          for (int64_t j = 0; j < count; ++j) {
            const float score = x[static_cast<size_t>(r * stride + j)];
            scores.push_back(
                static_cast<double>(masked ? score + mask[static_cast<size_t>(r * count + j)] : score));
          }
          const double most = *std::max_element(scores.begin(), scores.end());
          double sum = 0;
          for (double score : scores) sum += std::exp(score - most);
          for (int64_t j = 0; j < stride; ++j) {
            const float got = y[static_cast<size_t>(r * stride + j)];
            if (j >= count) {
              ASSERT_EQ(got, x[static_cast<size_t>(r * stride + j)]);
              continue;
            }
            const double want = std::exp(scores[static_cast<size_t>(j)] - most) / sum;
            ASSERT_NEAR(static_cast<double>(got), want, 7e-6 * want + 1e-37) << variant->name << ' ' << count;
          }
        }
      }
    }
  }
}

// Two blocks of keys: the second one has the larger scores in some rows, the smaller ones in others, and
// nothing at all in the last row.
TEST(SoftmaxF32, ScoresInBlocks) {
  for (const NormF32Variant* variant : Usable()) {
    for (bool masked : {false, true}) {
      constexpr int64_t kRows = 5, kWidth = 50, kStride = 53, kSize = 19;
      const int64_t begin[2][kRows] = {{0, 7, 0, 49, 3}, {0, 0, 5, 0, 0}};
      const int64_t end[2][kRows] = {{50, 50, 20, 50, 50}, {50, 33, 50, 16, 0}};
      const float scale = 0.5f;
      std::vector<float> most(kRows, -INFINITY), sum(kRows, 0.0f), values(kRows * kSize, 0.0f);
      std::vector<float> taken[2];
      std::vector<float> mask[2] = {Random(kRows * kStride, -9, 0), Random(kRows * kStride, -7, 0)};
      std::vector<float> scores[2] = {Random(kRows * kStride, -20, 20), Random(kRows * kStride, -25, 25)};
      for (int b = 0; b < 2; ++b) {
        taken[b] = scores[b];
        const float* masks[kRows];
        for (int64_t r = 0; r < kRows; ++r) masks[r] = mask[b].data() + r * kStride;
        ScoreBlock work{};
        work.scores = taken[b].data(), work.stride = kStride, work.rows = kRows, work.width = kWidth;
        work.begin = begin[b], work.end = end[b];
        work.mask = masked ? masks : nullptr, work.scale = scale;
        work.most = most.data(), work.sum = sum.data();
        if (b > 0) work.values = values.data(), work.values_stride = kSize, work.value_size = kSize;
        variant->softmax_block(work);
        // The "values" are the probabilities' own sum, in each of kSize places.
        for (int64_t r = 0; r < kRows; ++r) {
          float all = 0;
          for (int64_t j = 0; j < kWidth; ++j) {
            const float p = taken[b][static_cast<size_t>(r * kStride + j)];
            if (j < begin[b][r] || j >= end[b][r]) {
              ASSERT_EQ(p, 0.0f) << variant->name;
            }
            all += p;
          }
          for (int64_t i = 0; i < kSize; ++i) values[static_cast<size_t>(r * kSize + i)] += all;
        }
      }
      for (int64_t r = 0; r < kRows; ++r) {
        double largest = -INFINITY, expected = 0;
        const auto score = [&](int b, int64_t j) {
          const auto at = static_cast<size_t>(r * kStride + j);
          return static_cast<double>(scores[b][at]) * 0.5 + (masked ? static_cast<double>(mask[b][at]) : 0.0);
        };
        for (int b = 0; b < 2; ++b) {
          for (int64_t j = begin[b][r]; j < end[b][r]; ++j) largest = std::max(largest, score(b, j));
        }
        for (int b = 0; b < 2; ++b) {
          for (int64_t j = begin[b][r]; j < end[b][r]; ++j) expected += std::exp(score(b, j) - largest);
        }
        ASSERT_NEAR(static_cast<double>(sum[static_cast<size_t>(r)]), expected, 1e-5 * expected)
            << variant->name << " row " << r;
      }
      variant->divide_values({values.data(), kSize, kRows, kSize, sum.data(), 0, false});
      for (float value : values) ASSERT_NEAR(value, 1.0f, 1e-5f) << variant->name;
    }
  }
}

TEST(SoftmaxF32, LargestSizeOfRows) {
  for (const NormF32Variant* variant : Usable()) {
    for (const int64_t columns : {1, 7, 16, 33, 100}) {
      std::vector<float> x = Random(3 * 101, -2, 2);
      const auto last = static_cast<size_t>(2 * 101 + columns - 1);
      x[static_cast<size_t>(columns)] = 9;  // past the first row's end
      x[last] = -3;
      EXPECT_EQ(variant->largest_size(x.data(), 3, 101, columns), 3.0f) << variant->name << " " << columns;
      for (const float odd : {NAN, INFINITY, -INFINITY}) {
        x[last] = odd;
        EXPECT_EQ(variant->largest_size(x.data(), 3, 101, columns), INFINITY) << variant->name;
      }
    }
    EXPECT_EQ(variant->largest_size(nullptr, 0, 0, 5), 0.0f);
  }
}

TEST(SoftmaxF32, EndsThatAreCut) {
  for (const NormF32Variant* variant : Usable()) {
    for (const int64_t first : {0, 1, 16, 70, 149}) {
      for (const int64_t last : {149, 148, 100, 70}) {
        if (first > last) continue;
        std::vector<float> x(150, -INFINITY);
        x[static_cast<size_t>(first)] = -5;  // not below it
        x[static_cast<size_t>(last)] = NAN;
        int64_t begin = 0, end = 150;
        variant->cut_ends(x.data(), -5, &begin, &end);
        EXPECT_EQ(begin, first) << variant->name;
        EXPECT_EQ(end, last + 1) << variant->name;
      }
    }
    const std::vector<float> below(40, -9.0f);
    int64_t begin = 3, end = 40;
    variant->cut_ends(below.data(), -5, &begin, &end);
    EXPECT_EQ(begin, end) << variant->name;
  }
}

TEST(SoftmaxF32, ValuesOfRowsWithoutSum) {
  for (const NormF32Variant* variant : Usable()) {
    for (bool zero : {false, true}) {
      std::vector<float> values(3 * 20, 6.0f);
      const float sum[] = {0.0f, NAN, 2.0f};
      variant->divide_values({values.data(), 20, 3, 17, sum, 5, zero});
      for (size_t i = 0; i < 17; ++i) {
        EXPECT_EQ(values[i], 5.0f) << variant->name;
        if (zero) {
          EXPECT_EQ(values[20 + i], 0.0f) << variant->name;
        } else {
          EXPECT_TRUE(std::isnan(values[20 + i])) << variant->name;
        }
        EXPECT_EQ(values[40 + i], 3.0f) << variant->name;
      }
      EXPECT_EQ(values[17], 6.0f) << variant->name;  // past the row's end
    }
  }
}

TEST(SoftmaxF32, ScoresThatAreInfiniteOrNan) {
  for (const NormF32Variant* variant : Usable()) {
    for (int64_t count : {3, 16, 40}) {
      std::vector<float> hidden(static_cast<size_t>(count), -INFINITY), y = hidden;
      y[1] = 2;
      variant->softmax_scores({y.data(), count, nullptr, 0, 1, count, NAN, false});
      for (int64_t i = 0; i < count; ++i)
        EXPECT_EQ(y[static_cast<size_t>(i)], i == 1 ? 1.0f : 0.0f) << variant->name;
      for (float unseen : {0.0f, 5.0f}) {
        y = hidden;
        variant->softmax_scores({y.data(), count, nullptr, 0, 1, count, unseen, false});
        for (float item : y) EXPECT_EQ(item, unseen) << variant->name;
      }
      for (bool zero : {false, true}) {
        for (float other : {-INFINITY, 1.0f}) {
          y.assign(y.size(), other);
          y.back() = NAN;
          variant->softmax_scores({y.data(), count, nullptr, 0, 1, count, 3, zero});
          for (float item : y) {
            if (zero) {
              EXPECT_EQ(item, 0.0f) << variant->name;
            } else {
              EXPECT_TRUE(std::isnan(item)) << variant->name << ' ' << count << ' ' << other;
            }
          }
        }
      }
    }
  }
}

TEST(LayerNormF32, EveryVariantWithAndWithoutSkip) {
  for (const NormF32Variant* variant : Usable()) {
    for (int64_t count : {1, 5, 16, 17, 33, 768, 3000}) {
      for (bool center : {true, false}) {
        for (bool skips : {false, true}) {
          // A mean far from zero: the variance must not cancel.
          const std::vector<float> x = Random(count, 999, 1001), skip = Random(count, -1, 1),
                                   scale = Random(count, 0.5f, 2);
          std::vector<float> y(x.size()), sum(x.size());
          LayerNormRow row{x.data(),     skips ? skip.data() : nullptr,
                           nullptr,      skips ? sum.data() : nullptr,
                           scale.data(), skip.data(),
                           y.data(),     count,
                           1e-5f,        center};
          float mean = 0, inverse = 0;
          variant->layer_norm(row, &mean, &inverse);
          double total = 0, squares = 0;
          auto item = [&](size_t i) { return static_cast<double>(skips ? x[i] + skip[i] : x[i]); };
          for (size_t i = 0; i < x.size(); ++i) total += item(i);
          const double m = center ? total / static_cast<double>(count) : 0;
          for (size_t i = 0; i < x.size(); ++i) squares += (item(i) - m) * (item(i) - m);
          const double r = 1 / std::sqrt(squares / static_cast<double>(count) + 1e-5f);
          for (size_t i = 0; i < x.size(); ++i) {
            const double want =
                (item(i) - m) * r * static_cast<double>(scale[i]) + static_cast<double>(skip[i]);
            // x has an absolute error of half a unit of 1000, which the division by the deviation enlarges.
            ASSERT_NEAR(static_cast<double>(y[i]), want, 5e-4 * std::max(1.0, std::fabs(want)))
                << variant->name << " count " << count;
          }
        }
      }
    }
  }
}

TEST(NormF32, MomentsAndAffineOfEveryVariant) {
  for (const NormF32Variant* variant : Usable()) {
    for (int64_t count : {1, 15, 16, 47, 2050}) {
      const std::vector<float> x = Random(count, 4, 5), scale = Random(count, -1, 1);
      double mean = 0, variance = 0, total = 0, squares = 0;
      variant->moments(x.data(), count, &mean, &variance);
      for (float item : x) total += static_cast<double>(item);
      total /= static_cast<double>(count);
      for (float item : x)
        squares += (static_cast<double>(item) - total) * (static_cast<double>(item) - total);
      EXPECT_NEAR(mean, total, 1e-5);
      EXPECT_NEAR(variance, squares / static_cast<double>(count), 1e-5);
      std::vector<float> y(x.size());
      variant->affine(x.data(), y.data(), count, 2.0f, -1.0f);
      for (size_t i = 0; i < x.size(); ++i) EXPECT_FLOAT_EQ(y[i], x[i] * 2 - 1) << variant->name;
      variant->affine_each(x.data(), y.data(), count, scale.data(), x.data());
      for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(y[i], x[i] * scale[i] + x[i], 2e-6) << variant->name;
    }
  }
}

// numpy: x = np.array([0.1, 0.7, -1.3, 2.2, 0.35], np.float16); e = np.exp(x - x.max()); e / e.sum()
TEST(Softmax, HalfRoundsAfterEachStep) {
  const Float16 x[] = {Float16(0.1f), Float16(0.7f), Float16(-1.3f), Float16(2.2f), Float16(0.35f)};
  const uint16_t expected[] = {0x2d1d, 0x30aa, 0x250b, 0x3938, 0x2e91};
  Float16 y[5];
  ThreadPool threads(1);
  Softmax(SelectNormF32(Isa::kScalar), {1, 5, 1}, false, x, y, threads);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(std::bit_cast<uint16_t>(y[i]), expected[i]) << i;
}

// The sum of 70000 ones is beyond float16, each share is not.
TEST(Softmax, HalfKeepsASumBeyondItsRange) {
  const std::vector<Float16> x(70000, Float16(1.0f));
  std::vector<Float16> y(x.size());
  ThreadPool threads(1);
  Softmax(SelectNormF32(Isa::kScalar), {1, 70000, 1}, false, x.data(), y.data(), threads);
  EXPECT_NEAR(static_cast<float>(y[69999]), 1.0f / 70000, 1e-7f);
}

}  // namespace
}  // namespace ortolan::kernels
