#include "plan/arena.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace ortolan::plan {
namespace {

TEST(ArenaPlanner, ReusesWhatDied) {
  ArenaPlanner arena;
  const size_t a = arena.Take(1000);
  const size_t b = arena.Take(1000);
  EXPECT_NE(a, b);
  arena.Give(a, 1000);
  EXPECT_EQ(arena.Take(900), a);
  EXPECT_EQ(arena.arena_bytes(), 2048u);
  EXPECT_EQ(arena.live_bytes(), 2048u);
}

TEST(ArenaPlanner, MergesNeighboursAndGrowsTheLastHole) {
  ArenaPlanner arena;
  const size_t a = arena.Take(64);
  const size_t b = arena.Take(64);
  const size_t c = arena.Take(64);
  arena.Give(a, 64);
  arena.Give(c, 64);
  arena.Give(b, 64);
  EXPECT_EQ(arena.Take(192), 0u);
  arena.Give(0, 192);
  EXPECT_EQ(arena.Take(256), 0u);  // the hole at the end is extended, not left behind
  EXPECT_EQ(arena.arena_bytes(), 256u);
}

TEST(ArenaPlanner, LiveBlocksNeverOverlap) {
  std::mt19937 random(1);
  ArenaPlanner arena;
  struct Block {
    size_t offset, bytes;
  };
  std::vector<Block> live;
  size_t live_bytes = 0;
  for (int round = 0; round < 3000; ++round) {
    if (live.empty() || random() % 5 < 3) {
      const Block fresh{0, 64 * (1 + random() % 50)};
      const Block placed{arena.Take(fresh.bytes), fresh.bytes};
      for (const Block& other : live) {
        EXPECT_TRUE(placed.offset + placed.bytes <= other.offset ||
                    other.offset + other.bytes <= placed.offset);
      }
      EXPECT_EQ(placed.offset % 64, 0u);
      EXPECT_LE(placed.offset + placed.bytes, arena.arena_bytes());
      live.push_back(placed);
      live_bytes += placed.bytes;
      EXPECT_GE(arena.live_bytes(), live_bytes);
    } else {
      const size_t i = random() % live.size();
      arena.Give(live[i].offset, live[i].bytes);
      live_bytes -= live[i].bytes;
      live.erase(live.begin() + static_cast<ptrdiff_t>(i));
    }
  }
}

}  // namespace
}  // namespace ortolan::plan
