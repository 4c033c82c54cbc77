// RoiAlign, NonMaxSuppression and GridSample at sizes where they take their fast ways, against their plain
// ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "support/run_op.h"

namespace ortolan {
namespace {

using support::Attrs;
using support::Floats;
using support::Int64s;
using support::Items;
using support::OpRun;
using support::RunOp;

std::vector<float> Numbers(int64_t count, uint32_t seed, float least, float most) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> values(least, most);
  std::vector<float> numbers(static_cast<size_t>(count));
  for (float& number : numbers) number = values(random);
  return numbers;
}

// Few channels are taken plane by plane, many as vectors of them.
TEST(RoiAlign, ManyChannelsAreAsOneByOne) {
  constexpr int64_t kImages = 2, kChannels = 19, kHeight = 9, kWidth = 7, kRegions = 5;
  const std::vector<float> x = Numbers(kImages * kChannels * kHeight * kWidth, 1, -1, 1);
  const std::vector<float> corners = Numbers(kRegions * 4, 2, -3, 14);
  const std::vector<int64_t> images = {0, 1, 1, 0, 1};
  for (const int64_t ratio : {0, 1, 2, 5}) {
    OpRun run;
    run.attributes = Attrs({{"output_height", int64_t{3}},
                            {"output_width", int64_t{4}},
                            {"sampling_ratio", ratio},
                            {"spatial_scale", 0.75f}});
    std::vector<float> rois = corners;
    for (size_t i = 0; i < rois.size(); i += 4) {
      if (rois[i] > rois[i + 2]) std::swap(rois[i], rois[i + 2]);
      if (rois[i + 1] > rois[i + 3]) std::swap(rois[i + 1], rois[i + 3]);
    }
    const auto all = RunOp("RoiAlign",
                           {Floats({kImages, kChannels, kHeight, kWidth}, x), Floats({kRegions, 4}, rois),
                            Int64s({kRegions}, images)},
                           run);
    ASSERT_TRUE(all.ok()) << all.status().message();
    const std::vector<float> together = Items<float>((*all)[0]);
    for (int64_t c = 0; c < kChannels; ++c) {
      std::vector<float> plane;
      for (int64_t n = 0; n < kImages; ++n) {
        const auto from = x.begin() + (n * kChannels + c) * kHeight * kWidth;
        plane.insert(plane.end(), from, from + kHeight * kWidth);
      }
      const auto one = RunOp("RoiAlign",
                             {Floats({kImages, 1, kHeight, kWidth}, plane), Floats({kRegions, 4}, rois),
                              Int64s({kRegions}, images)},
                             run);
      ASSERT_TRUE(one.ok()) << one.status().message();
      const std::vector<float> alone = Items<float>((*one)[0]);
      for (int64_t r = 0; r < kRegions; ++r) {
        for (int64_t i = 0; i < 12; ++i) {
          EXPECT_NEAR(together[static_cast<size_t>((r * kChannels + c) * 12 + i)],
                      alone[static_cast<size_t>(r * 12 + i)], 1e-5);
        }
      }
    }
  }
}

// Doubles go point by point.
TEST(GridSample, MapsOfFloatsAreAsDoubles) {
  constexpr int64_t kChannels = 5, kHeight = 6, kWidth = 8, kPoints = 300;
  const std::vector<float> x = Numbers(2 * kChannels * kHeight * kWidth, 1, -1, 1);
  std::vector<float> grid = Numbers(2 * kPoints * 2, 2, -1.4f, 1.4f);
  grid[0] = 1, grid[1] = 1, grid[2] = -1, grid[3] = -1, grid[4] = NAN;
  for (const char* padding : {"zeros", "border", "reflection"}) {
    for (const int64_t corners : {0, 1}) {
      OpRun run;
      run.attributes = Attrs({{"padding_mode", std::string(padding)}, {"align_corners", corners}});
      OpRun other = run;
      const auto fast =
          RunOp("GridSample",
                {Floats({2, kChannels, kHeight, kWidth}, x), Floats({2, 3, kPoints / 3, 2}, grid)}, run);
      const auto plain =
          RunOp("GridSample",
                {support::TensorValue<double>({2, kChannels, kHeight, kWidth}, {x.begin(), x.end()}),
                 Floats({2, 3, kPoints / 3, 2}, grid)},
                other);
      ASSERT_TRUE(fast.ok() && plain.ok());
      const std::vector<float> y = Items<float>((*fast)[0]);
      const std::vector<double> expected = Items<double>((*plain)[0]);
      ASSERT_EQ(y.size(), expected.size());
      for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(static_cast<double>(y[i]), expected[i], 1e-5) << i;
    }
  }
}

TEST(NonMaxSuppression, AgreesWithTheDefinition) {
  constexpr int64_t kCount = 400;
  const std::vector<float> at = Numbers(2 * kCount, 3, 0, 10), size = Numbers(2 * kCount, 4, 0.2f, 3);
  std::vector<float> boxes, scores = Numbers(kCount, 5, 0, 1);
  for (size_t i = 0; i < kCount; ++i) {
    boxes.insert(boxes.end(),
                 {at[2 * i], at[2 * i + 1], at[2 * i] + size[2 * i], at[2 * i + 1] + size[2 * i + 1]});
    scores[i] = std::round(scores[i] * 50) / 50;  // with equal ones
  }
  for (const int64_t most : {1, 10, 1000}) {
    for (const float threshold : {0.0f, 0.3f, 0.7f}) {
      const auto out =
          RunOp("NonMaxSuppression", {Floats({1, kCount, 4}, boxes), Floats({1, 1, kCount}, scores),
                                      Int64s({1}, {most}), Floats({1}, {threshold}), Floats({1}, {0.2f})});
      ASSERT_TRUE(out.ok()) << out.status().message();
      std::vector<int64_t> expected;
      std::vector<bool> seen(kCount);
      while (static_cast<int64_t>(expected.size()) < most) {
        int64_t best = -1;
        for (int64_t i = 0; i < kCount; ++i) {
          const auto own = static_cast<size_t>(i);
          if (seen[own] || !(scores[own] > 0.2f)) continue;
          if (best < 0 || scores[own] > scores[static_cast<size_t>(best)]) best = i;
        }
        if (best < 0) break;
        seen[static_cast<size_t>(best)] = true;
        const float* a = boxes.data() + 4 * best;
        const bool overlaps = std::any_of(expected.begin(), expected.end(), [&](int64_t other) {
          const float* b = boxes.data() + 4 * other;
          const float high = std::min(a[2], b[2]) - std::max(a[0], b[0]);
          const float wide = std::min(a[3], b[3]) - std::max(a[1], b[1]);
          if (!(high > 0) || !(wide > 0)) return false;
          const float shared = wide * high;
          const float both = (a[3] - a[1]) * (a[2] - a[0]) + (b[3] - b[1]) * (b[2] - b[0]) - shared;
          return shared / both > threshold;
        });
        if (!overlaps) expected.push_back(best);
      }
      const std::vector<int64_t> rows = Items<int64_t>((*out)[0]);
      ASSERT_EQ(rows.size(), 3 * expected.size());
      for (size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(rows[3 * i + 2], expected[i]) << i;
    }
  }
}

}  // namespace
}  // namespace ortolan
