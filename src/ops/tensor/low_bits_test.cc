#include "ops/tensor/low_bits.h"

#include <gmock/gmock.h>

#include "support/run_op.h"

namespace ortolan {
namespace {

using support::Attrs;
using support::Floats;
using support::Items;
using support::OpRun;
using support::RunOp;
using testing::ElementsAre;

Value Packed(DType dtype, const Dims& dims, const std::vector<uint8_t>& codes) {
  Tensor tensor = *Tensor::Allocate(dtype, dims);
  PackElements(dtype, codes.data(), 0, static_cast<int64_t>(codes.size()), tensor.data());
  return tensor;
}

std::vector<int> Codes(const Value& value) {
  const Tensor& tensor = value.tensor();
  std::vector<uint8_t> bytes(static_cast<size_t>(tensor.count()));
  UnpackElements(tensor.dtype(), tensor.data(), 0, tensor.count(), bytes.data());
  std::vector<int> codes;
  const bool is_signed = tensor.dtype() == DType::kInt4 || tensor.dtype() == DType::kInt2;
  for (uint8_t byte : bytes) codes.push_back(is_signed ? static_cast<int8_t>(byte) : byte);
  return codes;
}

OpRun To(DType dtype) {
  OpRun run;
  run.attributes = Attrs({{"to", static_cast<int64_t>(dtype)}});
  return run;
}

TEST(LowBits, PackingKeepsNeighbours) {
  uint8_t bytes[2] = {0xff, 0xff};
  const uint8_t codes[3] = {1, 2, 3};
  PackElements(DType::kUInt4, codes, 0, 3, bytes);
  EXPECT_EQ(bytes[0], 0x21);
  EXPECT_EQ(bytes[1], 0x03);
  PackElements(DType::kUInt4, codes, 1, 1, bytes);
  EXPECT_EQ(bytes[0], 0x11);
}

TEST(LowBits, CastsKeepTheLowBitsOfIntegers) {
  auto out = RunOp("Cast", {Floats({5}, {1.9f, -1.9f, 8, -9, 7})}, To(DType::kInt4));
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(Codes((*out)[0]), ElementsAre(1, -1, -8, 7, 7));
  out = RunOp("Cast", {(*out)[0]}, To(DType::kFloat));
  EXPECT_THAT(Items<float>((*out)[0]), ElementsAre(1, -1, -8, 7, 7));
  out = RunOp("Cast", {support::TensorValue<int32_t>({3}, {1 << 28, 2147483647, -2})}, To(DType::kUInt2));
  EXPECT_THAT(Codes((*out)[0]), ElementsAre(0, 3, 2));
}

TEST(LowBits, CastsOfManyElementsAgreeWithSingleOnes) {
  std::vector<float> numbers;
  for (int i = 0; i < 20001; ++i) numbers.push_back(static_cast<float>(i % 16));
  const auto packed = RunOp("Cast", {Floats({20001}, numbers)}, To(DType::kUInt4));
  ASSERT_TRUE(packed.ok());
  const auto back = RunOp("Cast", {(*packed)[0]}, To(DType::kFloat));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(Items<float>((*back)[0]), numbers);
}

TEST(LowBits, DoublesAreRoundedOnce) {
  // Just above the middle of 1 and 1.125: through a plain float it would be a tie, and fall to 1.
  const auto out =
      RunOp("Cast", {support::TensorValue<double>({1}, {1.0625 + 1e-12})}, To(DType::kFloat8E4M3FN));
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(static_cast<const uint8_t*>((*out)[0].tensor().data())[0], 0x39);
}

TEST(LowBits, StringsGoThroughNumbers) {
  auto out = RunOp("Cast", {support::Strings({2}, {"-3", "5"})}, To(DType::kInt4));
  ASSERT_TRUE(out.ok()) << out.status().message();
  out = RunOp("Cast", {(*out)[0]}, To(DType::kString));
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(support::StringItems((*out)[0]), ElementsAre("-3", "5"));
}

TEST(LowBits, FloatsOfSixBits) {
  // 2 exponent bits, 3 of fraction: steps of 1/8 up to 2, the largest is 7.5; ties go to even.
  auto out = RunOp("Cast", {Floats({7}, {1, -0.0625f, 0.1875f, 7.75f, -1e30f, 3.125f, 0.06f})},
                   To(DType::kFloat6E2M3));
  ASSERT_TRUE(out.ok()) << out.status().message();
  const auto codes = [](const Value& value) {
    const auto bytes = value.tensor().Items<const uint8_t>();
    return std::vector<int>(bytes.begin(), bytes.end());
  };
  EXPECT_THAT(codes((*out)[0]), ElementsAre(8, 32, 2, 31, 63, 20, 0));
  out = RunOp("Cast", {(*out)[0]}, To(DType::kFloat));
  EXPECT_THAT(Items<float>((*out)[0]), ElementsAre(1, -0.0f, 0.25f, 7.5f, -7.5f, 3, 0));
  // 3 exponent bits, 2 of fraction: from 1/16 to 28.
  OpRun small;
  small.attributes = Attrs({{"output_dtype", static_cast<int64_t>(DType::kFloat6E3M2)}});
  out = RunOp("QuantizeLinear", {Floats({4}, {2, -7.3f, 0.125f, 1000}), Floats({}, {2})}, small);
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(codes((*out)[0]), ElementsAre(12, 0x20 | 19, 1, 31));
  out = RunOp("DequantizeLinear", {(*out)[0], Floats({}, {2})});
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(Items<float>((*out)[0]), ElementsAre(2, -7, 0.125f, 56));
}

TEST(LowBits, PackedTensorsAreTransposed) {
  OpRun run;
  run.attributes = Attrs({{"perm", std::vector<int64_t>{1, 0}}});
  const auto out = RunOp("Transpose", {Packed(DType::kInt4, {2, 3}, {1, 2, 3, 14, 15, 0})}, run);
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(support::DimsOf((*out)[0]), ElementsAre(3, 2));
  EXPECT_THAT(Codes((*out)[0]), ElementsAre(1, -2, 2, -1, 3, 0));
}

TEST(LowBits, PackedTensorsArePaddedAndFilled) {
  auto out = RunOp("Pad", {Packed(DType::kUInt2, {3}, {1, 2, 3}), support::Int64s({2}, {1, 2}),
                           Packed(DType::kUInt2, {}, {2})});
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(Codes((*out)[0]), ElementsAre(2, 1, 2, 3, 2, 2));
  OpRun run;
  run.attributes = Attrs({{"value", Packed(DType::kUInt4, {1}, {9}).tensor()}});
  out = RunOp("ConstantOfShape", {support::Int64s({1}, {3})}, run);
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(Codes((*out)[0]), ElementsAre(9, 9, 9));
}

TEST(LowBits, QuantizesToPackedAndSmallFloats) {
  // Rows of three: two rows share a byte.
  OpRun axis;
  axis.attributes = Attrs({{"axis", int64_t{0}}});
  auto out = RunOp(
      "QuantizeLinear",
      {Floats({2, 3}, {0, 1, 2.5f, -30, 9, 40}), Floats({2}, {1, 2}), Packed(DType::kInt4, {2}, {1, 15})},
      axis);
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(Codes((*out)[0]), ElementsAre(1, 2, 3, -8, 3, 7));
  out = RunOp("DequantizeLinear", {(*out)[0], Floats({2}, {1, 2}), Packed(DType::kInt4, {2}, {1, 15})}, axis);
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(Items<float>((*out)[0]), ElementsAre(0, 1, 2, -14, 8, 16));
  OpRun small;
  small.attributes = Attrs({{"output_dtype", static_cast<int64_t>(DType::kFloat4E2M1)}});
  out = RunOp("QuantizeLinear", {Floats({4}, {0, 1.3f, -5, 100}), Floats({}, {1})}, small);
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_THAT(Codes((*out)[0]), ElementsAre(0, 3, 14, 7));
}

}  // namespace
}  // namespace ortolan
