#include "base/weight_store.h"

#include <gtest/gtest.h>

#include <cstring>

namespace ortolan {
namespace {

// Takes blocks of these sizes, filled with their numbers; how many were filled.
int TakeAll(WeightStore& store, const std::vector<size_t>& sizes) {
  int filled = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    Result<WeightBlock> block = store.Take(sizes[i], [&](std::byte* to) {
      std::memset(to, static_cast<int>(i + 1), sizes[i]);
      ++filled;
    });
    EXPECT_TRUE(block.ok());
    EXPECT_EQ(block->size(), sizes[i]);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block->data()) % kBufferAlignment, 0u);
  }
  return filled;
}

bool Holds(const WeightBlock& block, int item) {
  for (size_t i = 0; i < block.size(); ++i) {
    if (block.data()[i] != std::byte(item)) return false;
  }
  return true;
}

const std::vector<size_t> kSizes = {100, 1, 70'000, 64, 9'000'000, 63, 5'000'000, 3'000'000, 65};

TEST(WeightStore, KeepsBlocksApart) {
  for (const size_t expected : {size_t{0}, size_t{1000}, size_t{20'000'000}}) {
    WeightStore store;
    store.Expect(expected);
    EXPECT_EQ(TakeAll(store, kSizes), static_cast<int>(kSizes.size()));
    EXPECT_TRUE(store.grew());
    for (size_t i = 0; i < kSizes.size(); ++i) EXPECT_TRUE(Holds(store.blocks()[i], static_cast<int>(i + 1)));
  }
}

TEST(WeightStore, HandsOutKnownBlocksAgain) {
  std::vector<WeightBlock> known;
  {
    WeightStore first;
    TakeAll(first, kSizes);
    known = first.blocks();
  }
  WeightStore second(known);
  EXPECT_EQ(TakeAll(second, kSizes), 0);
  EXPECT_FALSE(second.grew());
  for (size_t i = 0; i < kSizes.size(); ++i) EXPECT_EQ(second.blocks()[i].data(), known[i].data());
}

TEST(WeightStore, RepeatsBlocks) {
  WeightStore store;
  TakeAll(store, {10, 20});
  const std::vector<WeightBlock> packed = store.blocks();
  store.Repeat(packed);
  EXPECT_EQ(TakeAll(store, {10, 20}), 0);
  EXPECT_TRUE(store.EndRepeat());
  EXPECT_EQ(store.blocks().size(), 2u);

  const auto fill = [](std::byte*) {};
  store.Repeat(packed);
  EXPECT_EQ(store.Take(10, fill)->data(), packed[0].data());
  EXPECT_FALSE(store.Take(21, fill).ok());
  EXPECT_FALSE(store.EndRepeat());
  store.Repeat(packed);
  EXPECT_EQ(store.Take(10, fill)->data(), packed[0].data());
  EXPECT_FALSE(store.EndRepeat());  // one is left
  store.Repeat(packed);
  EXPECT_EQ(TakeAll(store, {10, 20}), 0);
  EXPECT_FALSE(store.Take(1, fill).ok());  // one too many
  EXPECT_FALSE(store.EndRepeat());
  EXPECT_EQ(TakeAll(store, {30}), 1);
  EXPECT_EQ(store.blocks().size(), 3u);
}

TEST(WeightStore, StopsAtTheFirstBlockThatDiffers) {
  WeightStore first;
  TakeAll(first, {10, 20, 30});
  WeightStore second(first.blocks());
  EXPECT_EQ(TakeAll(second, {10, 21, 30}), 2);
  EXPECT_TRUE(second.grew());
  WeightStore longer(first.blocks());
  EXPECT_EQ(TakeAll(longer, {10, 20, 30, 40}), 1);
  EXPECT_TRUE(longer.grew());
}

TEST(WeightStore, TakesNothing) {
  WeightStore store;
  EXPECT_EQ(TakeAll(store, {0}), 0);
  EXPECT_EQ(store.blocks().size(), 1u);
}

TEST(WeightStore, GivesMemoryOfItsOwnWithoutAStore) {
  Result<WeightBlock> block = TakeWeights(nullptr, 1000, [](std::byte* to) { std::memset(to, 7, 1000); });
  ASSERT_TRUE(block.ok());
  EXPECT_TRUE(Holds(*block, 7));
}

}  // namespace
}  // namespace ortolan
