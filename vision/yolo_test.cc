#include "vision/yolo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ortolan::vision {
namespace {

using ::testing::ElementsAre;

// Cells given as {x, y, width, height, score...} to the output's layout, rows first.
std::vector<float> Rows(const std::vector<std::vector<float>>& cells) {
  std::vector<float> rows;
  for (size_t row = 0; row < cells.front().size(); ++row)
    for (const auto& cell : cells) rows.push_back(cell[row]);
  return rows;
}

std::vector<ScoredBox> Decode(const std::vector<std::vector<float>>& cells, const YoloLimits& limits,
                              const Letterbox& place = {1, 100, 100, 0, 0}) {
  return DecodeYolo(Rows(cells), cells.front().size() - 4, cells.size(), place, 100, 100, limits);
}

TEST(DecodeYolo, GoesBackToThePictureAndClips) {
  const auto found = Decode({{60, 40, 20, 10, 0.1F, 0.9F}, {-5, 45, 30, 200, 0.6F, 0.6F}}, {0.5F, 0.5F, 10},
                            {2, 200, 200, 10, 20});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].class_id, 1);
  EXPECT_FLOAT_EQ(found[0].score, 0.9F);
  EXPECT_FLOAT_EQ(found[0].box.left, 20);  // (60 - 10 - 10) / 2
  EXPECT_FLOAT_EQ(found[0].box.top, 7.5F);
  EXPECT_FLOAT_EQ(found[0].box.right, 30);
  EXPECT_FLOAT_EQ(found[0].box.bottom, 12.5F);
  EXPECT_EQ(found[1].class_id, 0);  // of equals the first class
  EXPECT_FLOAT_EQ(found[1].box.left, 0);
  EXPECT_FLOAT_EQ(found[1].box.right, 0);
  EXPECT_FLOAT_EQ(found[1].box.bottom, 62.5F);
}

TEST(DecodeYolo, KeepsTheThresholdItselfAndSortsTiesByCell) {
  const auto found =
      Decode({{10, 10, 4, 4, 0.5F}, {30, 30, 4, 4, 0.7F}, {50, 50, 4, 4, 0.5F}, {70, 70, 4, 4, 0.49F}},
             {0.5F, 0.5F, 10});
  ASSERT_EQ(found.size(), 3U);
  EXPECT_FLOAT_EQ(found[0].box.left, 28);
  EXPECT_FLOAT_EQ(found[1].box.left, 8);
  EXPECT_FLOAT_EQ(found[2].box.left, 48);
}

TEST(DecodeYolo, DropsDoublesOfAClassOnly) {
  const auto found = Decode({{20, 20, 10, 10, 0.9F, 0}, {21, 20, 10, 10, 0.8F, 0}, {21, 20, 10, 10, 0, 0.7F}},
                            {0.5F, 0.5F, 10});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].class_id, 0);
  EXPECT_EQ(found[1].class_id, 1);
}

TEST(DecodeYolo, StopsAtTheMost) {
  std::vector<std::vector<float>> cells;
  cells.reserve(9);
  for (int i = 0; i < 9; ++i) cells.push_back({i * 10.0F + 5, 5, 4, 4, 0.5F + static_cast<float>(i) * 0.01F});
  const auto found = Decode(cells, {0.5F, 0.5F, 4});
  ASSERT_EQ(found.size(), 4U);
  EXPECT_FLOAT_EQ(found[0].box.left, 83);
}

TEST(DecodeYolo, SurvivesNumbersThatAreNone) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const auto found = Decode({{nan, nan, nan, nan, nan}, {nan, 5, 3, 3, 0.9F}, {inf, -inf, inf, inf, 0.8F}},
                            {0.5F, 0.5F, 10});
  EXPECT_EQ(found.size(), 2U);  // where they are is anyone's guess, what counts is that nothing crashes
  EXPECT_TRUE(DecodeYolo({}, 3, 0, {}, 10, 10, {}).empty());
  EXPECT_TRUE(DecodeYolo(std::vector<float>(11), 3, 2, {}, 10, 10, {}).empty());
}

TEST(Overlap, OfBoxesWithoutAreaIsNothing) {
  EXPECT_EQ(Overlap({1, 1, 1, 1}, {1, 1, 1, 1}), 0.0F);
  EXPECT_EQ(Overlap({5, 5, 1, 1}, {0, 0, 9, 9}), 0.0F);
  EXPECT_FLOAT_EQ(Overlap({0, 0, 2, 2}, {1, 0, 3, 2}), 1.0F / 3);
}

TEST(SuppressOverlaps, IsStableAndStrict) {
  const std::vector<Box> boxes = {{0, 0, 2, 2}, {1, 0, 3, 2}, {0, 0, 2, 2}, {10, 10, 12, 12}};
  const std::vector<float> scores = {0.5F, 0.5F, 0.9F, 0.1F};
  EXPECT_THAT(SuppressOverlaps(boxes, scores, 1.0F / 3), ElementsAre(2, 1, 3));  // equal to the limit: kept
  EXPECT_THAT(SuppressOverlaps(boxes, scores, 0.3F), ElementsAre(2, 3));
  EXPECT_THAT(SuppressOverlaps({}, {}, 0.3F), ElementsAre());
}

}  // namespace
}  // namespace ortolan::vision
