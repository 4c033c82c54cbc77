#include "threads/pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>
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

// The ranges in their order: begin and end of each.
std::vector<std::pair<int64_t, int64_t>> Ranges(int threads, int64_t count, int64_t grain) {
  ThreadPool pool(threads);
  std::mutex mutex;
  std::vector<std::pair<int64_t, int64_t>> ranges;
  pool.ParallelRanges(count, grain, [&](int64_t begin, int64_t end) {
    std::lock_guard lock(mutex);
    ranges.emplace_back(begin, end);
  });
  std::sort(ranges.begin(), ranges.end());
  return ranges;
}

TEST(ThreadPool, RangesCoverTheCountEvenlyAndDoNotDependOnThreads) {
  for (auto [count, grain] : {std::pair<int64_t, int64_t>{100, 7},
                              {1, 1},
                              {3, 1},
                              {5, 4},
                              {9, 4},
                              {17, 4},
                              {1000, 64},
                              {64 * 129 + 1, 128},
                              {100000, 4096}}) {
    const auto ranges = Ranges(1, count, grain);
    EXPECT_EQ(ranges, Ranges(3, count, grain));
    int64_t at = 0, least = count;
    for (size_t i = 0; i < ranges.size(); ++i) {
      const auto [begin, end] = ranges[i];
      EXPECT_EQ(begin, at);
      EXPECT_LE(end - begin, grain);
      EXPECT_EQ(begin % (grain % 64 == 0 ? 64 : 1), 0);
      if (i + 1 < ranges.size()) least = std::min(least, end - begin);
      at = end;
    }
    EXPECT_EQ(at, count);
    EXPECT_LE(ranges.front().second - ranges.front().first - least, grain % 64 == 0 ? 64 : 1);
  }
  EXPECT_EQ(Ranges(2, 100, 7).size(), 16u);  // 15 would be enough: a multiple of four
  EXPECT_EQ(Ranges(2, 14, 7).size(), 2u);
  EXPECT_TRUE(Ranges(2, 0, 7).empty());
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
