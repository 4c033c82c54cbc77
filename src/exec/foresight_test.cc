#include "exec/foresight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ortolan::exec {
namespace {

using ::testing::ElementsAre;
using Signature = std::vector<Dims>;

class ForesightTest : public ::testing::Test {
 protected:
  void Ran(const Signature& signature) {
    foresight_.Ran(signature);
    foresight_.Settle();
  }
  std::vector<Signature> bound_;
  Foresight foresight_{[this](std::span<const Dims> dims) { bound_.emplace_back(dims.begin(), dims.end()); }};
};

TEST_F(ForesightTest, BindsWhatComesNextInASeries) {
  Ran({{1, 8, 5}, {1, 1}});
  Ran({{1, 8, 6}, {1, 1}});
  EXPECT_TRUE(bound_.empty());  // two points are no series
  Ran({{1, 8, 7}, {1, 1}});
  Ran({{1, 8, 8}, {1, 1}});
  EXPECT_THAT(bound_, ElementsAre(Signature{{1, 8, 8}, {1, 1}}, Signature{{1, 8, 9}, {1, 1}}));
}

TEST_F(ForesightTest, StartsAnewWhereTheStepChanges) {
  for (int64_t n : {10, 11, 12, 3, 4, 5}) Ran({{n}});
  EXPECT_THAT(bound_, ElementsAre(Signature{{13}}, Signature{{6}}));
}

TEST_F(ForesightTest, BindsNothingForMixedShapes) {
  for (int64_t n : {8, 64, 3, 200, 17, 9}) Ran({{1, n}});
  Ran({{1, 9, 1}});
  Ran({{1, 9, 1}, {2}});
  Ran({});
  EXPECT_TRUE(bound_.empty());
}

TEST_F(ForesightTest, NeverBindsANegativeDimension) {
  for (int64_t n : {5, 3, 1}) Ran({{n}});
  EXPECT_TRUE(bound_.empty());
  for (int64_t n : {2, 1, 0}) Ran({{n}});
  EXPECT_TRUE(bound_.empty());
}

}  // namespace
}  // namespace ortolan::exec
