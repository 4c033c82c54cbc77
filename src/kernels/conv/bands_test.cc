#include "kernels/conv/bands.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace ortolan::kernels {
namespace {

// Few and many rows, maps that are shared by rows and by channels, and rows that the threads do not divide.
TEST(Bands, EveryRowOfEveryMapIsVisitedOnce) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (const BlockedMaps& maps : {BlockedMaps{2, 3, 16, 7, 49},
                                    {1, 1, 8, 1, 1},
                                    {1, 60, 16, 7, 49},
                                    {3, 2, 16, 56, 3136},
                                    {2, 5, 4, 11, 11},
                                    {1, 4, 16, 0, 0},
                                    {0, 4, 16, 7, 49},
                                    {1, 0, 16, 7, 49}}) {
      for (int64_t grain : {int64_t{1}, int64_t{5}, int64_t{64}, int64_t{1000}}) {
        const int64_t rows = maps.batch * maps.blocks * maps.rows;
        std::vector<std::atomic<int>> visits(static_cast<size_t>(rows));
        ForEachRowOfMaps(maps, grain, pool, [&](int64_t plane, int64_t begin, int64_t end) {
          ASSERT_LT(begin, end);
          ASSERT_LE(end, maps.rows);
          for (int64_t row = begin; row < end; ++row) ++visits[static_cast<size_t>(plane * maps.rows + row)];
        });
        for (const auto& count : visits) ASSERT_EQ(count.load(), 1);
      }
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
