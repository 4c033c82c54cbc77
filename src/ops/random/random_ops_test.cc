#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "base/seed.h"
#include "support/run_op.h"

namespace ortolan {
namespace {

using support::Attrs;
using support::Bools;
using support::DimsOf;
using support::Floats;
using support::Items;
using support::OpRun;
using support::RunOp;

constexpr int64_t kMany = 40000;

struct Moments {
  double mean = 0, variance = 0;
};
Moments MomentsOf(const std::vector<float>& items) {
  Moments moments;
  for (float item : items) moments.mean += static_cast<double>(item) / static_cast<double>(items.size());
  for (float item : items)
    moments.variance +=
        std::pow(static_cast<double>(item) - moments.mean, 2) / static_cast<double>(items.size());
  return moments;
}

std::vector<float> Draw(const char* op, std::vector<graph::Attributes::Item> attributes) {
  OpRun run;
  attributes.emplace_back("shape", std::vector<int64_t>{kMany / 4, 4});
  run.attributes = Attrs(std::move(attributes));
  const auto out = RunOp(op, {}, run);
  EXPECT_TRUE(out.ok()) << out.status().message();
  return out.ok() ? Items<float>((*out)[0]) : std::vector<float>();
}

// Bounds are five standard errors of 40,000 draws.
TEST(RandomOps, NormalNumbersHaveTheirMoments) {
  const Moments moments = MomentsOf(Draw("RandomNormal", {{"mean", 2.0f}, {"scale", 3.0f}, {"seed", 1.0f}}));
  EXPECT_NEAR(moments.mean, 2.0, 5 * 3.0 / 200);
  EXPECT_NEAR(moments.variance, 9.0, 5 * 9.0 * std::sqrt(2.0) / 200);
}

TEST(RandomOps, UniformNumbersFillTheirRange) {
  const std::vector<float> items = Draw("RandomUniform", {{"low", -1.0f}, {"high", 3.0f}, {"seed", 2.0f}});
  const Moments moments = MomentsOf(items);
  EXPECT_NEAR(moments.mean, 1.0, 5 * 1.1547 / 200);
  EXPECT_NEAR(moments.variance, 16.0 / 12, 0.05);
  for (float item : items) ASSERT_TRUE(item >= -1 && item < 3) << item;
}

TEST(RandomOps, SeedsRepeat) {
  EXPECT_EQ(Draw("RandomUniform", {{"seed", 5.0f}}), Draw("RandomUniform", {{"seed", 5.0f}}));
  EXPECT_NE(Draw("RandomUniform", {{"seed", 5.0f}}), Draw("RandomUniform", {{"seed", 6.0f}}));
  EXPECT_NE(Draw("RandomUniform", {}), Draw("RandomUniform", {}));
  SetProcessSeed(3);
  const std::vector<float> first = Draw("RandomNormal", {}), second = Draw("RandomNormal", {});
  SetProcessSeed(3);
  EXPECT_EQ(Draw("RandomNormal", {}), first);
  EXPECT_EQ(Draw("RandomNormal", {}), second);
  EXPECT_NE(first, second);
}

TEST(RandomOps, LikeTakesShapeAndType) {
  OpRun run;
  auto out = RunOp("RandomUniformLike", {Floats({2, 3}, {1, 2, 3, 4, 5, 6})});
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_EQ(DimsOf((*out)[0]), (std::vector<int64_t>{2, 3}));
  run.attributes = Attrs({{"dtype", static_cast<int64_t>(DType::kDouble)}});
  out = RunOp("RandomNormalLike", {support::Int64s({2}, {1, 2})}, run);
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_EQ((*out)[0].tensor().dtype(), DType::kDouble);
  EXPECT_FALSE(RunOp("RandomNormalLike", {support::Int64s({2}, {1, 2})}).ok());
}

TEST(RandomOps, BernoulliKeepsItsChances) {
  OpRun run;
  run.attributes = Attrs({{"seed", 4.0f}});
  const auto out = RunOp("Bernoulli", {Floats({kMany}, std::vector<float>(kMany, 0.3f))}, run);
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_NEAR(MomentsOf(Items<float>((*out)[0])).mean, 0.3, 5 * std::sqrt(0.21) / 200);
  const auto sure = RunOp("Bernoulli", {Floats({4}, {0, 1, 0, 1})});
  EXPECT_THAT(Items<float>((*sure)[0]), testing::ElementsAre(0, 1, 0, 1));
}

TEST(RandomOps, MultinomialKeepsItsChances) {
  OpRun run;
  run.attributes = Attrs({{"sample_size", kMany}, {"seed", 4.0f}});
  const auto out =
      RunOp("Multinomial",
            {Floats({2, 3}, {std::log(0.2f), std::log(0.5f), std::log(0.3f), -1e30f, 7, -1e30f})}, run);
  ASSERT_TRUE(out.ok()) << out.status().message();
  const std::vector<int32_t> items = Items<int32_t>((*out)[0]);
  double counts[3] = {0, 0, 0};
  for (int64_t i = 0; i < kMany; ++i) counts[items[static_cast<size_t>(i)]] += 1.0 / kMany;
  EXPECT_NEAR(counts[0], 0.2, 0.011);
  EXPECT_NEAR(counts[1], 0.5, 0.013);
  for (int64_t i = 0; i < kMany; ++i) ASSERT_EQ(items[static_cast<size_t>(kMany + i)], 1);
  EXPECT_FALSE(RunOp("Multinomial", {Floats({3}, {1, 2, 3})}).ok());
}

TEST(RandomOps, DropoutScalesWhatItKeeps) {
  OpRun run;
  run.outputs = 2;
  run.attributes = Attrs({{"seed", int64_t{9}}});
  const Value x = Floats({kMany}, std::vector<float>(kMany, 3.0f));
  auto out = RunOp("Dropout", {x, Floats({}, {0.25f}), Bools({}, {1})}, run);
  ASSERT_TRUE(out.ok()) << out.status().message();
  const std::vector<float> y = Items<float>((*out)[0]);
  const std::vector<bool> mask = Items<bool>((*out)[1]);
  for (size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], mask[i] ? 4.0f : 0.0f);
  EXPECT_NEAR(MomentsOf(y).mean, 3.0, 0.05);
  out = RunOp("Dropout", {x, Floats({}, {0.25f}), Bools({}, {0})}, run);
  EXPECT_EQ(Items<float>((*out)[0]), Items<float>(x));
  EXPECT_FALSE(RunOp("Dropout", {x, Floats({}, {1.5f}), Bools({}, {1})}, run).ok());
}

}  // namespace
}  // namespace ortolan
