#include "base/random.h"

#include <gtest/gtest.h>

#include "base/seed.h"

namespace ortolan {
namespace {

// The known answers of the authors' Random123 library for philox4x32_10.
TEST(Random, PhiloxGivesThePublishedNumbers) {
  const auto zero = Philox(0, 0);
  EXPECT_EQ(zero[0], 0x6627e8d5u);
  EXPECT_EQ(zero[1], 0xe169c58du);
  EXPECT_EQ(zero[2], 0xbc57ac4cu);
  EXPECT_EQ(zero[3], 0x9b00dbd8u);
}

TEST(Random, StreamsRepeatBehindASeed) {
  SetProcessSeed(7);
  const uint64_t first = NextStreamSeed(), second = NextStreamSeed();
  EXPECT_NE(first, second);
  SetProcessSeed(7);
  EXPECT_EQ(NextStreamSeed(), first);
  EXPECT_EQ(NextStreamSeed(), second);
  SetProcessSeed(8);
  EXPECT_NE(NextStreamSeed(), first);
}

TEST(Random, UnitNumbersStayBelowOne) {
  EXPECT_EQ(UnitFloat(0), 0.0f);
  EXPECT_LT(UnitFloat(0xffffffff), 1.0f);
  EXPECT_LT(UnitDouble(0xffffffff, 0xffffffff), 1.0);
  EXPECT_GT(UnitDouble(0xffffffff, 0xffffffff), 0.9999999999);
}

}  // namespace
}  // namespace ortolan
