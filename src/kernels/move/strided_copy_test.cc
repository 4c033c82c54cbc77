#include "kernels/move/strided_copy.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace ortolan::kernels {
namespace {

// The definition: element by element, byte by byte.
void Reference(std::span<const int64_t> dims, std::span<const int64_t> from_strides,
               std::span<const int64_t> to_strides, size_t width, const std::byte* from, std::byte* to) {
  std::vector<int64_t> index(dims.size());
  for (int64_t dim : dims) {
    if (dim == 0) return;
  }
  while (true) {
    int64_t source = 0, target = 0;
    for (size_t i = 0; i < dims.size(); ++i) {
      source += index[i] * from_strides[i];
      target += index[i] * to_strides[i];
    }
    const int64_t size = static_cast<int64_t>(width);
    std::memcpy(to + target * size, from + source * size, width);
    size_t axis = dims.size();
    while (axis-- > 0) {
      if (++index[axis] < dims[axis]) break;
      index[axis] = 0;
    }
    if (axis == static_cast<size_t>(-1)) return;
  }
}

struct Case {
  std::vector<int64_t> dims;
  std::vector<int64_t> from;  // strides
  int64_t from_offset;        // of the element with index 0
  int64_t from_count;         // elements of the source
};

std::vector<int64_t> RowMajor(const std::vector<int64_t>& dims) {
  std::vector<int64_t> strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

int64_t Product(const std::vector<int64_t>& dims) {
  int64_t product = 1;
  for (int64_t dim : dims) product *= dim;
  return product;
}

void Check(const Case& test, int width) {
  const std::vector<int64_t> to = RowMajor(test.dims);
  const size_t bytes = static_cast<size_t>(Product(test.dims) * width);
  std::vector<std::byte> source(static_cast<size_t>(test.from_count * width));
  std::mt19937 random(7);
  for (std::byte& item : source) item = static_cast<std::byte>(random());
  const std::byte* from = source.data() + test.from_offset * width;
  std::vector<std::byte> expected(bytes, std::byte{0x5a});
  Reference(test.dims, test.from, to, static_cast<size_t>(width), from, expected.data());
  for (int threads : {1, 3}) {
    ThreadPool pool(threads);
    std::vector<std::byte> got(bytes, std::byte{0xa5});
    RunCopy(PlanCopy(test.dims, test.from, to, width), from, got.data(), pool);
    EXPECT_TRUE(got == expected) << "width " << width << " threads " << threads;
  }
}

TEST(StridedCopy, PermutationsOfRaggedShapes) {
  const std::vector<std::vector<int64_t>> shapes = {{5, 7},    {33, 70},    {16, 16},    {64, 130},
                                                    {3, 5, 4}, {2, 17, 19}, {2, 3, 4, 5}};
  for (const auto& shape : shapes) {
    std::vector<size_t> order(shape.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    do {
      const std::vector<int64_t> strides = RowMajor(shape);
      Case test{{}, {}, 0, Product(shape)};
      for (size_t axis : order) {
        test.dims.push_back(shape[axis]);
        test.from.push_back(strides[axis]);
      }
      for (int width : {1, 2, 4, 8, 16}) Check(test, width);
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST(StridedCopy, BroadcastReverseStepAndNothing) {
  const Case cases[] = {
      {{4, 3}, {0, 1}, 0, 3},           // rows repeated
      {{4, 3}, {1, 0}, 0, 4},           // columns repeated
      {{2, 3, 4}, {0, 0, 0}, 0, 1},     // one element everywhere
      {{5}, {-1}, 4, 5},                // reversed
      {{3, 4}, {-4, -1}, 11, 12},       // reversed twice
      {{3, 2}, {8, 2}, 1, 24},          // every second column from the first on
      {{7, 1, 3}, {3, 100, 1}, 0, 21},  // an axis of one element with a stride that means nothing
      {{0, 4}, {4, 1}, 0, 4},           // empty
      {{}, {}, 0, 1},                   // scalar
      {{6, 5, 2}, {2, 12, 1}, 0, 60},   // pairs transposed: the element widens
      {{6, 5, 3}, {3, 18, 1}, 0, 90},   // triples do not widen
      {{300, 300, 2}, {2, 600, 1}, 0, 180000},
  };
  for (const Case& test : cases) {
    for (int width : {1, 2, 4, 8, 16}) Check(test, width);
  }
}

TEST(StridedCopy, LongRowsAreCut) {
  Check({{3, 400000}, {400001, 1}, 1, 3 * 400001}, 4);
  Check({{700000}, {0}, 0, 1}, 2);
}

TEST(StridedCopy, StringsAreAssigned) {
  std::vector<std::string> from, to(6), expected;
  for (int i = 0; i < 6; ++i)
    from.push_back("a string that is too long to stand in place " + std::to_string(i));
  for (int i : {0, 3, 1, 4, 2, 5}) expected.push_back(from[static_cast<size_t>(i)]);
  const int64_t dims[] = {3, 2}, strides[] = {1, 3}, to_strides[] = {2, 1};
  ThreadPool pool(1);
  RunCopy(PlanCopy(dims, strides, to_strides, kStringWidth), from.data(), to.data(), pool);
  EXPECT_EQ(to, expected);
}

}  // namespace
}  // namespace ortolan::kernels
