#include "threads/pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

namespace ortolan {
namespace {

TEST(ThreadPool, RunsEveryChunkOnce) {
  for (int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.thread_count(), threads);
    for (int64_t chunks : {0, 1, 2, 3, 17, 1000}) {
      std::vector<std::atomic<int>> calls(static_cast<size_t>(chunks));
      pool.ParallelFor(chunks, [&](int64_t i) { calls[static_cast<size_t>(i)].fetch_add(1); });
      for (auto& call : calls) EXPECT_EQ(call.load(), 1);
    }
  }
}

TEST(ThreadPool, RangesCoverTheCountAndDoNotDependOnThreads) {
  auto borders = [](int threads) {
    ThreadPool pool(threads);
    std::vector<std::atomic<int64_t>> end_of(100);
    pool.ParallelRanges(100, 7,
                        [&](int64_t begin, int64_t end) { end_of[static_cast<size_t>(begin)] = end; });
    return std::vector<int64_t>(end_of.begin(), end_of.end());
  };
  EXPECT_EQ(borders(1), borders(3));
}

TEST(ThreadPool, NestedLoopsAndManyCallers) {
  ThreadPool pool(3);
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        pool.ParallelFor(5, [&](int64_t) { pool.ParallelFor(4, [&](int64_t j) { sum += j; }); });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum.load(), 4 * 200 * 5 * 6);
}

// More threads than cores, loops far apart: workers sleep in between, and wake each other.
TEST(ThreadPool, ManySleepersWakeForEachLoop) {
  ThreadPool pool(24);
  std::atomic<int64_t> sum{0};
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::microseconds(300));
    pool.ParallelFor(100, [&](int64_t i) { sum += i; });
  }
  EXPECT_EQ(sum.load(), 20 * 4950);
}

// Callers beyond the pool's places work alone; nobody sees the chunks of another loop.
TEST(ThreadPool, MoreCallersThanPlaces) {
  ThreadPool pool(40);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int c = 0; c < 30; ++c) {
    callers.emplace_back([&, c] {
      for (int round = 0; round < 50; ++round) {
        std::vector<std::atomic<int>> calls(static_cast<size_t>(c + 2));
        pool.ParallelFor(c + 2, [&](int64_t i) { calls[static_cast<size_t>(i)].fetch_add(1); });
        for (auto& call : calls) wrong += call.load() != 1;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace ortolan
