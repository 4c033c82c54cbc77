// What the products of 8-bit matrices share (MatMulInteger, QLinearMatMul, MatMulIntegerToFloat, QGemm,
// DynamicQuantizeMatMul): operands, zero points, the packed form of B, and the walk over a batch.
#pragma once

#include <memory>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/quant/byte_product.h"
#include "ops/math/product.h"
#include "ops/op.h"

namespace ortolan::quant {

// The inputs of the node that hold the operands and their zero points.
struct MatMulInputs {
  size_t a, a_zero, b, b_zero;
  bool transposed_b = false;  // B is n x k
};

// Matrices of B as the kernel reads them.
struct PackedMatrices {
  size_t panel_bytes = 0;  // of one matrix
  int64_t columns = 0;     // padded
  bool has_zero = false;
  int8_t* panels = nullptr;
  int32_t* sums = nullptr;   // [matrix][columns]
  int32_t* zeros = nullptr;  // [matrix][columns]

  size_t Bytes(int64_t matrices) const {
    return static_cast<size_t>(matrices) * (panel_bytes + static_cast<size_t>(columns) * 8);
  }
  void Place(std::byte* memory, int64_t matrices) {
    panels = reinterpret_cast<int8_t*>(memory);
    sums = reinterpret_cast<int32_t*>(memory + static_cast<size_t>(matrices) * panel_bytes);
    zeros = sums + matrices * columns;
  }
};

struct IntegerMatMul {
  MatMulInputs inputs;
  const kernels::ByteVariant* variant = nullptr;
  bool a_signed = false, b_signed = false;
  WeightBlock memory;  // of a constant b and zero point
  PackedMatrices packed;
};

// Chooses the kernel, checks the types, packs a constant b.
Status PrepareIntegerMatMul(PrepareContext& context, const MatMulInputs& inputs, IntegerMatMul* state,
                            Prepared* prepared);

struct IntegerMatMulBinding {
  math::ProductSizes sizes;
  int64_t a_count = 1, b_count = 1, items = 1;  // matrices
  std::vector<int64_t> a_index, b_index;        // of each item
  PackedMatrices packed;                        // of a b that changes; placed in scratch by the run
  size_t start_offset = 0;                      // in scratch, behind the packed b
  size_t row_offset = 0;
  size_t sums_offset = 0;
  size_t own_offset = 0;  // `own_bytes` for the operator
  size_t scratch_bytes = 0;
};
// own_bytes: scratch that the operator itself wants. `merge`: a batch of A's matrices may be taken for one of
// more rows, where B is one matrix.
Status BindIntegerMatMul(const IntegerMatMul& state, const BindContext& context, size_t own_bytes, bool merge,
                         IntegerMatMulBinding* binding);
Status BindIntegerMatMul(const IntegerMatMul& state, const math::ProductSizes& sizes, size_t own_bytes,
                         bool merge, IntegerMatMulBinding* binding);

// What becomes of the sums: see kernels::ByteProduct. `c` is the first matrix of the result, dense; scale,
// bias and start_bias have one number for each column, readable up to padded(n).
struct MatMulFinish {
  kernels::ByteFinish finish{};
  const float* scale = nullptr;
  const float* bias = nullptr;
  const int32_t* start_bias = nullptr;
  void* c = nullptr;
};

// `a` is input 0's bytes, or where `a_bytes` is given those, with one zero point.
struct LeftSide {
  const uint8_t* bytes;
  int32_t zero;
};
Status RunIntegerMatMul(const IntegerMatMul& state, const IntegerMatMulBinding& binding, RunContext& context,
                        const MatMulFinish& finish, const LeftSide* left = nullptr);

// The same where rows have zero points or scales of their own: sums go to scratch, and done(item, sums) is
// called behind each matrix.
Status RunIntegerSums(const IntegerMatMul& state, const IntegerMatMulBinding& binding, RunContext& context,
                      FunctionRef<int32_t*(int64_t item)> sums, FunctionRef<void(int64_t item)> done);
// Whether A's rows have zero points of their own.
bool HasRowZeros(const IntegerMatMul& state, const RunContext& context);

int64_t PaddedColumns(const IntegerMatMul& state, int64_t n);

}  // namespace ortolan::quant
