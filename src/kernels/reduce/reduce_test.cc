#include "kernels/reduce/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace ortolan::kernels {
namespace {

std::vector<const ReduceF32Variant*> Usable() {
  std::vector<const ReduceF32Variant*> usable;
  for (const ReduceF32Variant* variant : AllReduceF32()) {
    if (variant->isa <= GetCpuInfo().isa) usable.push_back(variant);
  }
  return usable;
}

constexpr Fold kFolds[] = {Fold::kSum, Fold::kSumAbs, Fold::kSumSquare, Fold::kSumExp,
                           Fold::kMax, Fold::kMin,    Fold::kProduct};

double Reference(Fold fold, const std::vector<double>& items, double shift) {
  double result = fold == Fold::kProduct ? 1
                  : fold == Fold::kMax   ? -INFINITY
                  : fold == Fold::kMin   ? INFINITY
                                         : 0;
  for (double x : items) {
    if (fold == Fold::kSum) result += x;
    if (fold == Fold::kSumAbs) result += std::fabs(x);
    if (fold == Fold::kSumSquare) result += x * x;
    if (fold == Fold::kSumExp) result += std::exp(x - shift);
    if (fold == Fold::kMax) result = std::max(result, x);
    if (fold == Fold::kMin) result = std::min(result, x);
    if (fold == Fold::kProduct) result *= x;
  }
  return result;
}

std::vector<float> Random(int64_t count, float low, float high) {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> draw(low, high);
  std::vector<float> items(static_cast<size_t>(count));
  for (float& item : items) item = draw(random);
  return items;
}

TEST(ReduceF32, RowsOfEveryVariant) {
  for (const ReduceF32Variant* variant : Usable()) {
    for (int64_t count : {0, 1, 7, 8, 15, 16, 17, 63, 64, 65, 130, 4096, 4097, 10001}) {
      for (Fold fold : kFolds) {
        const std::vector<float> x = Random(count, 0.9f, 1.1f);
        const double expected = Reference(fold, {x.begin(), x.end()}, 1.0);
        const double got = variant->row(fold, x.data(), count, 1.0f);
        if (got == expected) continue;  // infinities
        EXPECT_NEAR(got, expected, 1e-6 * std::max(1.0, std::fabs(expected)))
            << variant->name << " fold " << static_cast<int>(fold) << " of " << count;
      }
    }
  }
}

TEST(ReduceF32, ColumnsOfEveryVariantAddToWhatIsThere) {
  for (const ReduceF32Variant* variant : Usable()) {
    for (int64_t columns : {1, 5, 16, 17, 64, 70, 200}) {
      for (int64_t rows : {1, 3, 64, 65, 200}) {
        for (Fold fold : kFolds) {
          const int64_t stride = columns + 3;
          const std::vector<float> x = Random(rows * stride, 0.9f, 1.1f),
                                   shift(static_cast<size_t>(columns), 0.5f);
          std::vector<double> sums(static_cast<size_t>(columns), 1.0);
          variant->columns(fold, x.data(), rows, stride, columns,
                           fold == Fold::kSumExp ? shift.data() : nullptr, sums.data());
          for (int64_t j = 0; j < columns; ++j) {
            std::vector<double> items;
            for (int64_t i = 0; i < rows; ++i)
              items.push_back(static_cast<double>(x[static_cast<size_t>(i * stride + j)]));
            double expected = Reference(fold, items, 0.5);
            if (fold == Fold::kMax) expected = std::max(1.0, expected);
            if (fold == Fold::kMin) expected = std::min(1.0, expected);
            if (fold <= Fold::kSumExp) expected += 1;
            EXPECT_NEAR(sums[static_cast<size_t>(j)], expected, 1e-6 * std::max(1.0, std::fabs(expected)))
                << variant->name << " fold " << static_cast<int>(fold) << " " << rows << "x" << columns
                << " column " << j;
          }
        }
      }
    }
  }
}

TEST(ReduceF32, NanIsTheExtreme) {
  for (const ReduceF32Variant* variant : Usable()) {
    for (size_t at : {0u, 1u, 16u, 40u, 69u}) {
      std::vector<float> x = Random(70, -1, 1);
      x[at] = NAN;
      EXPECT_TRUE(std::isnan(variant->row(Fold::kMax, x.data(), 70, 0))) << variant->name << " " << at;
      EXPECT_TRUE(std::isnan(variant->row(Fold::kMin, x.data(), 70, 0))) << variant->name << " " << at;
      double sums[7] = {};
      variant->columns(Fold::kMax, x.data(), 10, 7, 7, nullptr, sums);
      for (size_t j = 0; j < 7; ++j)
        EXPECT_EQ(std::isnan(sums[j]), j == at % 7) << variant->name << " " << at;
    }
  }
}

// Any mask of axes against nested loops, split and not, at one thread and at three.
TEST(Reduce, EveryMaskOfAShape) {
  const std::vector<std::vector<int64_t>> shapes = {{3, 4, 5, 6}, {1, 7, 1, 3}, {2, 0, 3}, {},
                                                    {300, 700},   {200000},     {70000, 3}};
  for (const auto& dims : shapes) {
    int64_t count = 1;
    for (int64_t dim : dims) count *= dim;
    const std::vector<float> x = Random(count, 0, 1);
    for (uint32_t mask = 0; mask < 1u << dims.size(); ++mask) {
      bool reduced[8] = {};
      int64_t outputs = 1;
      for (size_t i = 0; i < dims.size(); ++i) {
        reduced[i] = (mask >> i & 1) != 0;
        if (!reduced[i]) outputs *= dims[i];
      }
      std::vector<double> expected(static_cast<size_t>(outputs));
      for (int64_t i = 0; i < count; ++i) {
        int64_t rest = i, at = 0, stride = 1;
        for (size_t axis = dims.size(); axis-- > 0;) {
          if (!reduced[axis]) {
            at += rest % dims[axis] * stride;
            stride *= dims[axis];
          }
          rest /= dims[axis];
        }
        expected[static_cast<size_t>(at)] += static_cast<double>(x[static_cast<size_t>(i)]);
      }
      std::vector<std::vector<float>> results;
      for (bool split : {false, true}) {
        const ReducePlan plan = PlanReduce(dims, {reduced, dims.size()}, split);
        ASSERT_EQ(plan.outputs, outputs);
        std::vector<double> scratch(plan.ScratchBytes() / sizeof(double) + 1);
        for (int threads : {1, 3}) {
          ThreadPool pool(threads);
          std::vector<float> got(static_cast<size_t>(outputs), -1.0f);
          RunReduce(ReduceKind::kSum, plan, SelectReduceF32(GetCpuInfo().isa), x.data(), got.data(),
                    reinterpret_cast<std::byte*>(scratch.data()), pool);
          for (size_t i = 0; i < got.size(); ++i) {
            ASSERT_NEAR(static_cast<double>(got[i]), expected[i], 1e-6 * std::max(1.0, expected[i]))
                << "mask " << mask;
          }
          if (threads == 1) results.push_back(got);
          EXPECT_EQ(results.back(), got) << "a result depends on the number of threads";
        }
      }
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
