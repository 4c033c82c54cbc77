#include "threads/alone.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "threads/pool.h"

namespace ortolan {
namespace {

TEST(WorkAlone, KeepsLoopsOnTheirThread) {
  ThreadPool pool(4);
  const auto here = std::this_thread::get_id();
  std::atomic<int> elsewhere{0}, ran{0};
  const auto body = [&](int64_t) {
    ran += 1;
    if (std::this_thread::get_id() != here) elsewhere += 1;
  };
  {
    const WorkAlone alone(true);
    const WorkAlone nested(false);  // does not take back what an outer scope said
    EXPECT_TRUE(WorksAlone());
    for (int i = 0; i < 50; ++i) pool.ParallelFor(64, body);
  }
  EXPECT_EQ(ran, 50 * 64);
  EXPECT_EQ(elsewhere, 0);
  EXPECT_FALSE(WorksAlone());
}

}  // namespace
}  // namespace ortolan
