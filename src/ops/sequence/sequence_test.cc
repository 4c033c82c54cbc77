#include <gmock/gmock.h>

#include "ops/tensor/low_bits.h"
#include "support/run_op.h"

namespace ortolan {
namespace {

using support::Attrs;
using support::DimsOf;
using support::Floats;
using support::Int64s;
using support::Items;
using support::OpRun;
using support::RunOp;
using testing::ElementsAre;
using testing::HasSubstr;

Value Pair() {
  auto out = RunOp("SequenceConstruct", {Floats({2}, {1, 2}), Floats({1, 1}, {3})});
  EXPECT_TRUE(out.ok()) << out.status().message();
  return out.ok() ? (*out)[0] : Value();
}

std::vector<float> ItemOf(const Value& sequence, size_t i) {
  return Items<float>(sequence.sequence().items.at(i));
}

TEST(Sequence, ConstructCopiesItsInputs) {
  const Value input = Floats({2}, {1, 2});
  const auto out = RunOp("SequenceConstruct", {input});
  ASSERT_TRUE(out.ok());
  const Value& sequence = (*out)[0];
  ASSERT_EQ(sequence.kind(), Value::Kind::kSequence);
  EXPECT_EQ(sequence.sequence().element, DType::kFloat);
  EXPECT_NE(sequence.sequence().items[0].tensor().data(), input.tensor().data());
  EXPECT_THAT(ItemOf(sequence, 0), ElementsAre(1, 2));
}

TEST(Sequence, AtCountsFromBothEnds) {
  const Value pair = Pair();
  auto out = RunOp("SequenceAt", {pair, Int64s({}, {-1})});
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(DimsOf((*out)[0]), ElementsAre(1, 1));
  out = RunOp("SequenceAt", {pair, Int64s({}, {2})});
  EXPECT_THAT(out.status().message(), HasSubstr("Invalid sequence index (2)"));
  EXPECT_EQ(out.status().code(), StatusCode::kInvalidArgument);
}

TEST(Sequence, InsertAndErase) {
  const Value pair = Pair();
  auto out = RunOp("SequenceInsert", {pair, Floats({1}, {9}), Int64s({}, {1})});
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(ItemOf((*out)[0], 1), ElementsAre(9));
  EXPECT_EQ(pair.sequence().items.size(), 2u);  // the input stays as it is
  out = RunOp("SequenceInsert", {pair, Floats({1}, {9})});
  EXPECT_THAT(ItemOf((*out)[0], 2), ElementsAre(9));
  EXPECT_FALSE(RunOp("SequenceInsert", {pair, Floats({1}, {9}), Int64s({}, {3})}).ok());
  EXPECT_FALSE(RunOp("SequenceInsert", {pair, Int64s({1}, {9})}).ok());
  out = RunOp("SequenceErase", {pair, Int64s({}, {0})});
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(ItemOf((*out)[0], 0), ElementsAre(3));
  out = RunOp("SequenceErase", {pair});
  EXPECT_THAT(ItemOf((*out)[0], 0), ElementsAre(1, 2));
  out = RunOp("SequenceLength", {pair});
  EXPECT_THAT(Items<int64_t>((*out)[0]), ElementsAre(2));
}

TEST(Sequence, EmptyHasAType) {
  OpRun run;
  run.attributes = Attrs({{"dtype", int64_t{7}}});
  const auto out = RunOp("SequenceEmpty", {}, run);
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_EQ((*out)[0].sequence().element, DType::kInt64);
  EXPECT_FALSE(RunOp("SequenceErase", {(*out)[0]}).ok());
  EXPECT_FALSE(RunOp("SequenceAt", {(*out)[0], Int64s({}, {0})}).ok());
}

TEST(Sequence, SplitsInAllForms) {
  const Value x = Floats({2, 3}, {1, 2, 3, 4, 5, 6});
  OpRun run;
  run.attributes = Attrs({{"axis", int64_t{-1}}});
  auto out = RunOp("SplitToSequence", {x, Int64s({}, {2})}, run);
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(ItemOf((*out)[0], 0), ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(ItemOf((*out)[0], 1), ElementsAre(3, 6));
  out = RunOp("SplitToSequence", {x, Int64s({3}, {0, 1, 2})}, run);
  EXPECT_THAT(ItemOf((*out)[0], 0), ElementsAre());
  EXPECT_THAT(ItemOf((*out)[0], 2), ElementsAre(2, 3, 5, 6));
  EXPECT_FALSE(RunOp("SplitToSequence", {x, Int64s({2}, {1, 1})}, run).ok());
  EXPECT_FALSE(RunOp("SplitToSequence", {x, Int64s({}, {0})}, run).ok());
  run.attributes.Set("keepdims", int64_t{0});
  out = RunOp("SplitToSequence", {x}, run);
  EXPECT_EQ((*out)[0].sequence().items.size(), 3u);
  EXPECT_THAT(DimsOf((*out)[0].sequence().items[0]), ElementsAre(2));
  EXPECT_THAT(ItemOf((*out)[0], 2), ElementsAre(3, 6));
}

TEST(Sequence, ConcatenatesAlongOldAndNewAxes) {
  const auto pieces = RunOp("SequenceConstruct", {Floats({2, 1}, {1, 2}), Floats({2, 2}, {3, 4, 5, 6})});
  ASSERT_TRUE(pieces.ok());
  OpRun run;
  run.attributes = Attrs({{"axis", int64_t{1}}});
  auto out = RunOp("ConcatFromSequence", {(*pieces)[0]}, run);
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(Items<float>((*out)[0]), ElementsAre(1, 3, 4, 2, 5, 6));
  run.attributes.Set("axis", int64_t{0});
  EXPECT_FALSE(RunOp("ConcatFromSequence", {(*pieces)[0]}, run).ok());
  const auto equal = RunOp("SequenceConstruct", {Floats({2}, {1, 2}), Floats({2}, {3, 4})});
  run.attributes.Set("axis", int64_t{-1});
  run.attributes.Set("new_axis", int64_t{1});
  out = RunOp("ConcatFromSequence", {(*equal)[0]}, run);
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(DimsOf((*out)[0]), ElementsAre(2, 2));
  EXPECT_THAT(Items<float>((*out)[0]), ElementsAre(1, 3, 2, 4));
}

TEST(Sequence, StringsToo) {
  const auto pieces =
      RunOp("SequenceConstruct", {support::Strings({1}, {"a"}), support::Strings({2}, {"b", "c"})});
  OpRun run;
  run.attributes = Attrs({{"axis", int64_t{0}}});
  const auto out = RunOp("ConcatFromSequence", {(*pieces)[0]}, run);
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(support::StringItems((*out)[0]), ElementsAre("a", "b", "c"));
}

TEST(Sequence, PackedElementsToo) {
  Tensor x = *Tensor::Allocate(DType::kUInt4, {2, 3});
  const uint8_t codes[6] = {1, 2, 3, 4, 5, 6};
  PackElements(DType::kUInt4, codes, 0, 6, x.data());
  OpRun run;
  run.attributes = Attrs({{"axis", int64_t{1}}});
  const auto pieces = RunOp("SplitToSequence", {x, Int64s({}, {1})}, run);
  ASSERT_TRUE(pieces.ok()) << pieces.status().message();
  const Value& middle = (*pieces)[0].sequence().items.at(1);
  ASSERT_EQ(middle.tensor().dtype(), DType::kUInt4);
  EXPECT_EQ(static_cast<const uint8_t*>(middle.tensor().data())[0], 0x52);
  const auto whole = RunOp("ConcatFromSequence", {(*pieces)[0]}, run);
  ASSERT_TRUE(whole.ok()) << whole.status().message();
  uint8_t back[6];
  UnpackElements(DType::kUInt4, (*whole)[0].tensor().data(), 0, 6, back);
  EXPECT_THAT(back, ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(Optional, HoldsOrHoldsNot) {
  auto out = RunOp("Optional", {Floats({1}, {4})});
  ASSERT_TRUE(out.ok()) << out.status().message();
  out = RunOp("OptionalGetElement", {(*out)[0]});
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(Items<float>((*out)[0]), ElementsAre(4));
  out = RunOp("OptionalHasElement", {Pair()});
  EXPECT_TRUE(Items<bool>((*out)[0])[0]);
  out = RunOp("OptionalHasElement", {});
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_FALSE(Items<bool>((*out)[0])[0]);
  OpRun run;
  run.attributes = Attrs({{"type", ValueType::TensorOf(DType::kFloat)}});
  out = RunOp("Optional", {}, run);
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_EQ((*out)[0].kind(), Value::Kind::kNone);
  EXPECT_FALSE(RunOp("Optional", {}).ok());
}

}  // namespace
}  // namespace ortolan
