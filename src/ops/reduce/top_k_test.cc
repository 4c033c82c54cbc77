// TopK against sorting, over the ways that it takes by type, k and stride.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "support/run_op.h"

namespace ortolan {
namespace {

using support::Attrs;
using support::Int64s;
using support::Items;
using support::OpRun;
using support::RunOp;
using support::TensorValue;

// What stands before what: NaN is the largest, of equals the first comes first.
template <typename T>
std::vector<int64_t> Sorted(const std::vector<T>& x, bool largest) {
  std::vector<int64_t> order(x.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto item = [&](int64_t i) { return static_cast<double>(x[static_cast<size_t>(i)]); };
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    const bool strange_a = std::isnan(item(a)), strange_b = std::isnan(item(b));
    if (strange_a || strange_b) return strange_a != strange_b && strange_a == largest;
    return largest ? item(a) > item(b) : item(a) < item(b);
  });
  return order;
}

template <typename T>
void Check(const std::vector<T>& row, int64_t k, bool largest, bool across) {
  // Two copies of the row, along the last axis or across it.
  const auto count = static_cast<int64_t>(row.size());
  std::vector<T> x;
  for (int64_t i = 0; i < 2 * count; ++i) x.push_back(row[static_cast<size_t>(across ? i / 2 : i % count)]);
  OpRun run;
  run.attributes = Attrs({{"axis", int64_t{across ? 0 : 1}}, {"largest", int64_t{largest}}});
  run.outputs = 2;
  const Dims dims = across ? Dims{count, 2} : Dims{2, count};
  const auto out = RunOp("TopK", {TensorValue<T>(dims, x), Int64s({1}, {k})}, run);
  ASSERT_TRUE(out.ok()) << out.status().message();
  const std::vector<T> values = Items<T>((*out)[0]);
  const std::vector<int64_t> indices = Items<int64_t>((*out)[1]), order = Sorted(row, largest);
  for (int64_t i = 0; i < 2 * k; ++i) {
    const auto place = static_cast<size_t>(across ? i / 2 : i % k);
    ASSERT_EQ(indices[static_cast<size_t>(i)], order[place]) << "place " << place << " of k " << k;
    const auto value = static_cast<double>(values[static_cast<size_t>(i)]);
    const auto expected = static_cast<double>(row[static_cast<size_t>(order[place])]);
    ASSERT_TRUE(value == expected || (std::isnan(value) && std::isnan(expected)));
  }
}

template <typename T>
void CheckAll(uint32_t seed, bool strange) {
  std::mt19937 random(seed);
  for (int64_t count : {1, 3, 16, 33, 256, 700}) {
    for (int64_t k : {0, 1, 5, 16, 17, 40, 170, 700}) {
      if (k > count) continue;
      std::vector<T> row;
      for (int64_t i = 0; i < count; ++i) row.push_back(static_cast<T>(static_cast<int>(random() % 90) - 40));
      if (strange && std::numeric_limits<T>::has_infinity) {
        const double odd[] = {NAN, INFINITY, -INFINITY, -0.0, 0.0};
        for (int64_t i = 0; i < count / 3; ++i)
          row[random() % row.size()] = static_cast<T>(odd[random() % std::size(odd)]);
      }
      for (bool largest : {false, true}) {
        for (bool across : {false, true}) {
          Check<T>(row, k, largest, across);
          if (::testing::Test::HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(TopK, AgreesWithSorting) {
  CheckAll<float>(1, false);
  CheckAll<float>(2, true);
  CheckAll<double>(3, true);
  CheckAll<int64_t>(4, false);
  CheckAll<int32_t>(5, false);
  CheckAll<int8_t>(6, false);
  CheckAll<uint8_t>(7, false);
}

TEST(TopK, RowsOfNothingButNan) {
  const std::vector<float> row(100, NAN);
  Check(row, 10, true, false);
  Check(row, 10, false, false);
}

}  // namespace
}  // namespace ortolan
