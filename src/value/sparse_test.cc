#include "value/sparse.h"

#include <gtest/gtest.h>

#include <vector>

namespace ortolan {
namespace {

Tensor Floats(const Dims& dims, std::vector<float> items) {
  return Tensor::Of<float>(dims, std::span<const float>(items));
}
Tensor Longs(const Dims& dims, std::vector<int64_t> items) {
  return Tensor::Of<int64_t>(dims, std::span<const int64_t>(items));
}
Tensor Ints(const Dims& dims, std::vector<int32_t> items) {
  return Tensor::Of<int32_t>(dims, std::span<const int32_t>(items));
}
std::vector<float> ItemsOf(const Tensor& tensor) {
  const std::span<float> items = tensor.Items<float>();
  return {items.begin(), items.end()};
}

TEST(SparseTest, FormatsDescribeTheSameMatrix) {
  const std::vector<float> expected = {0, 1, 0, 0, 2, 0, 0, 3, 0};
  const Tensor values = Floats({3}, {1, 2, 3});
  const auto linear = MakeCoo({3, 3}, values, Longs({3}, {1, 4, 7}));
  const auto pairs = MakeCoo({3, 3}, values, Longs({3, 2}, {0, 1, 1, 1, 2, 1}));
  const auto flat = MakeCoo({3, 3}, values, Longs({6}, {0, 1, 1, 1, 2, 1}));
  const auto csr = MakeCsr({3, 3}, values, Longs({3}, {1, 1, 1}), Longs({4}, {0, 1, 2, 3}));
  for (const auto* made : {&linear, &pairs, &flat, &csr}) {
    ASSERT_TRUE(made->ok());
    const auto dense = Densified(**made);
    ASSERT_TRUE(dense.ok());
    EXPECT_EQ(ItemsOf(*dense), expected);
  }
}

TEST(SparseTest, BlocksStandWhereTheirIndicesSay) {
  const auto made = MakeBlocks({4, 2}, Floats({2, 2, 1}, {1, 2, 3, 4}), Ints({2, 2}, {0, 1, 1, 0}));
  ASSERT_TRUE(made.ok()) << made.status().message();
  const auto dense = Densified(*made);
  ASSERT_TRUE(dense.ok());
  EXPECT_EQ(ItemsOf(*dense), (std::vector<float>{0, 1, 0, 2, 3, 0, 4, 0}));
}

TEST(SparseTest, CountsAndPositionsAreChecked) {
  const Tensor values = Floats({3}, {1, 2, 3});
  EXPECT_FALSE(MakeCoo({3, 3}, values, Longs({2}, {1, 4})).ok());
  EXPECT_FALSE(MakeCoo({3, 3}, Floats({1, 3}, {1, 2, 3}), Longs({3}, {1, 4, 7})).ok());
  EXPECT_FALSE(MakeCsr({3, 3}, values, Longs({2}, {1, 1}), Longs({4}, {0, 1, 2, 3})).ok());
  EXPECT_FALSE(MakeCsr({3, 3}, values, Longs({3}, {1, 1, 1}), Longs({3}, {0, 1, 2})).ok());
  for (int64_t bad : {-1, 9, 77}) {
    const auto made = MakeCoo({3, 3}, values, Longs({3}, {1, 4, bad}));
    ASSERT_TRUE(made.ok());
    EXPECT_FALSE(Densified(*made).ok());
  }
  const auto rows = MakeCsr({3, 3}, values, Longs({3}, {1, 1, 5}), Longs({4}, {0, 1, 2, 3}));
  EXPECT_FALSE(Densified(*rows).ok());
  const auto starts = MakeCsr({3, 3}, values, Longs({3}, {1, 1, 1}), Longs({4}, {0, 1, 2, 99}));
  EXPECT_FALSE(Densified(*starts).ok());
}

TEST(SparseTest, ZerosAreLeftOut) {
  const auto made = CooOf(Floats({2, 2}, {0, 5, 0, 6}));
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(ItemsOf(made->values), (std::vector<float>{5, 6}));
  EXPECT_EQ(made->indices.Items<int64_t>()[1], 3);
  EXPECT_EQ(ItemsOf(*Densified(*made)), (std::vector<float>{0, 5, 0, 6}));
}

}  // namespace
}  // namespace ortolan
