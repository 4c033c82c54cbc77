#include "ops/epilogue.h"

#include <gtest/gtest.h>

namespace ortolan {
namespace {

Result<BoundEpilogue> Bind(EpilogueForm form, const Dims& operand, const Dims& output) {
  FusedEpilogue fused;
  fused.first_operand = 1;
  fused.operand_count = 1;
  const Dims inputs[] = {{}, operand};
  const Dims outputs[] = {output};
  return BindEpilogue(fused, form, {inputs, outputs, 1});
}

void ExpectStrides(EpilogueForm form, const Dims& operand, const Dims& output, int64_t batch, int64_t m,
                   int64_t n) {
  const auto bound = Bind(form, operand, output);
  ASSERT_TRUE(bound.ok()) << bound.status().message();
  EXPECT_EQ(bound->operands[0].batch_stride, batch);
  EXPECT_EQ(bound->operands[0].m_stride, m);
  EXPECT_EQ(bound->operands[0].n_stride, n);
}

TEST(Epilogue, OperandsBecomeStridesOverMatrices) {
  ExpectStrides(EpilogueForm::kMatrix, {2, 3, 4, 5}, {2, 3, 4, 5}, 20, 5, 1);
  ExpectStrides(EpilogueForm::kMatrix, {5}, {2, 3, 4, 5}, 0, 0, 1);
  ExpectStrides(EpilogueForm::kMatrix, {}, {2, 3, 4, 5}, 0, 0, 0);
  ExpectStrides(EpilogueForm::kMatrix, {4, 1}, {2, 3, 4, 5}, 0, 1, 0);
  ExpectStrides(EpilogueForm::kMatrix, {6, 1, 1}, {6, 4, 5}, 1, 0, 0);
  ExpectStrides(EpilogueForm::kMatrix, {7, 1}, {7, 1}, 0, 1, 0);
  EXPECT_FALSE(Bind(EpilogueForm::kMatrix, {3, 4, 5}, {2, 3, 4, 5}).ok());  // half of the batch axes
  EXPECT_FALSE(Bind(EpilogueForm::kMatrix, {2, 4, 5}, {4, 5}).ok());        // larger than the output
  EXPECT_FALSE(Bind(EpilogueForm::kMatrix, {3}, {4, 5}).ok());
}

TEST(Epilogue, OperandsBecomeStridesOverChannels) {
  ExpectStrides(EpilogueForm::kChannels, {2, 8, 3, 3}, {2, 8, 3, 3}, 72, 9, 1);
  ExpectStrides(EpilogueForm::kChannels, {8, 1, 1}, {2, 8, 3, 3}, 0, 1, 0);
  ExpectStrides(EpilogueForm::kChannels, {2, 8, 1, 1}, {2, 8, 3, 3}, 8, 1, 0);
  ExpectStrides(EpilogueForm::kChannels, {3, 3}, {2, 8, 3, 3}, 0, 0, 1);
  EXPECT_FALSE(Bind(EpilogueForm::kChannels, {3, 1}, {2, 8, 3, 3}).ok());
}

TEST(Epilogue, OperandsBecomeStridesOverBlocks) {
  const Dims output = {2, 4, 3, 5, 16};
  ExpectStrides(EpilogueForm::kBlocked, output, output, 960, 240, 1);
  ExpectStrides(EpilogueForm::kBlocked, {1, 1, 1, 1}, output, 0, 0, 0);
  auto expect_blocks = [&](const Dims& operand, int64_t batch, int64_t m, int64_t n, int64_t block_stride) {
    const auto bound = Bind(EpilogueForm::kBlocked, operand, output);
    ASSERT_TRUE(bound.ok()) << bound.status().message();
    const kernels::EpilogueOperand& one = bound->operands[0];
    EXPECT_EQ(one.batch_stride, batch);
    EXPECT_EQ(one.m_stride, m);
    EXPECT_EQ(one.n_stride, n);
    EXPECT_EQ(one.n_block, 16);
    EXPECT_EQ(one.n_block_stride, block_stride);
  };
  expect_blocks({4, 1, 1, 16}, 0, 16, 1, 0);
  expect_blocks({2, 4, 1, 1, 16}, 64, 16, 1, 0);
  expect_blocks({2, 1, 3, 5, 1}, 15, 0, 0, 1);
}

}  // namespace
}  // namespace ortolan
