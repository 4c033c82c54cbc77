#include "value/tensor.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <numeric>

namespace ortolan {
namespace {

// Floats 0, 1, 2, ... at an odd address.
struct OddFloats {
  explicit OddFloats(size_t count) : bytes(std::make_shared<std::vector<std::byte>>(count * 4 + 1)) {
    for (size_t i = 0; i < count; ++i) {
      const auto item = static_cast<float>(i);
      std::memcpy(bytes->data() + 1 + i * 4, &item, 4);
    }
  }
  Tensor Borrowed(int64_t count) const {
    return Tensor::Borrow(DType::kFloat, {count}, bytes->data() + 1, bytes, nullptr);
  }
  std::shared_ptr<std::vector<std::byte>> bytes;
};

TEST(Tensor, BorrowsAlignedBytesAsTheyAre) {
  alignas(8) static constexpr std::array<float, 3> kItems = {1, 2, 3};
  const Tensor tensor = Tensor::Borrow(DType::kFloat, {3}, kItems.data(), nullptr, nullptr);
  EXPECT_FALSE(tensor.pending());
  EXPECT_TRUE(tensor.borrowed());
  EXPECT_EQ(tensor.data(), kItems.data());
  EXPECT_EQ(tensor.source(), kItems.data());
}

TEST(Tensor, CopiesBytesAtAnOddAddressWhenTheyAreLookedAt) {
  const OddFloats odd(1000);
  const Tensor tensor = odd.Borrowed(1000);
  ASSERT_TRUE(tensor.pending());
  EXPECT_TRUE(tensor.HasElements());
  EXPECT_EQ(tensor.source(), odd.bytes->data() + 1);
  EXPECT_TRUE(tensor.pending()) << "the source alone needs no copy";
  const Tensor copy = tensor;
  EXPECT_EQ(tensor.Items<const float>()[999], 999.0f);
  EXPECT_FALSE(tensor.pending());
  EXPECT_FALSE(tensor.borrowed());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data()) % 4, 0u);
  EXPECT_EQ(copy.data(), tensor.data()) << "copies share what one of them made";
  EXPECT_EQ(tensor.source(), tensor.data());
}

TEST(Tensor, KeepsTheOwnerOfPendingBytes) {
  Tensor tensor;
  {
    const OddFloats odd(20);
    tensor = odd.Borrowed(20);
  }
  const Tensor reshaped = tensor.Reshaped({4, 5});
  tensor = Tensor();
  EXPECT_EQ(reshaped.Items<const float>()[19], 19.0f);
}

TEST(Tensor, MakesDeferredElementsOnce) {
  int calls = 0;
  const Tensor tensor = Tensor::Deferred(DType::kInt64, {2, 3}, [&calls](const TensorRef& elements) {
    ++calls;
    std::iota(elements.As<int64_t>(), elements.As<int64_t>() + 6, 10);
  });
  const Tensor copy = tensor;
  EXPECT_EQ(calls, 0);
  EXPECT_TRUE(tensor.HasElements());
  EXPECT_EQ(tensor.bytes(), 48u);
  EXPECT_EQ(copy.Items<const int64_t>()[5], 15);
  EXPECT_EQ(tensor.Items<const int64_t>()[0], 10);
  EXPECT_EQ(calls, 1);
  const Result<Tensor> own = tensor.Copied();
  ASSERT_TRUE(own.ok());
  EXPECT_NE(own->data(), tensor.data());
  EXPECT_EQ(own->Items<const int64_t>()[3], 13);
}

TEST(Tensor, TellsElementsThatAreGone) {
  EXPECT_FALSE(Tensor::Wrap(DType::kFloat, {2}, nullptr, nullptr).HasElements());
  EXPECT_TRUE(Tensor::Wrap(DType::kFloat, {0}, nullptr, nullptr).HasElements());
}

}  // namespace
}  // namespace ortolan
