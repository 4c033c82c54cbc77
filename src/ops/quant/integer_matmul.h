// What MatMulInteger and QLinearMatMul share: 8-bit operands widened to 16 bits with their zero points taken
// away, and their product in 32-bit sums.
#pragma once

#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/quant/integer_product.h"
#include "ops/math/product.h"
#include "ops/op.h"

namespace ortolan::quant {

// The inputs of the node that hold the operands and their zero points.
struct MatMulInputs {
  size_t a, a_zero, b, b_zero;
};

struct IntegerMatMul {
  MatMulInputs inputs;
  const kernels::IntegerProductVariant* variant = nullptr;
  bool a_signed = false, b_signed = false;
  AlignedBuffer packed_b;  // of a constant b and zero point
};

// Chooses the kernel, checks the types, packs a constant b.
Status PrepareIntegerMatMul(PrepareContext& context, const MatMulInputs& inputs, IntegerMatMul* state,
                            Prepared* prepared);

struct IntegerMatMulBinding {
  math::ProductSizes sizes;
  int64_t a_count = 1, b_count = 1, items = 1;  // matrices
  std::vector<int64_t> a_index, b_index;        // of each item
  size_t b_offset = 0;                          // in scratch, behind the widened a
  size_t sums_offset = 0;
  size_t scratch_bytes = 0;
};
Status BindIntegerMatMul(const IntegerMatMul& state, const BindContext& context,
                         IntegerMatMulBinding* binding);

// Computes item after item; sums(item) says where its m x n sums go, done(item) is called behind each.
Status RunIntegerMatMul(const IntegerMatMul& state, const IntegerMatMulBinding& binding, RunContext& context,
                        FunctionRef<int32_t*(int64_t item)> sums, FunctionRef<void(int64_t item)> done);

}  // namespace ortolan::quant
