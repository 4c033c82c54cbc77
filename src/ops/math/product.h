// What MatMul and Gemm share: a matrix product of any supported type on the gemm kernels, with a constant
// right-hand side packed when the plan is made.
#pragma once

#include <optional>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/plain_gemm.h"
#include "ops/epilogue.h"
#include "ops/op.h"

namespace ortolan::math {

inline constexpr DTypeSet kProductTypes =
    kFloatTypes | SetOf(DType::kInt32, DType::kInt64, DType::kUInt32, DType::kUInt64);

// Stage one: the kernel and the packed constant.
struct ProductState {
  DType dtype = DType::kFloat;
  bool transpose_a = false;
  bool transpose_b = false;
  std::optional<FusedEpilogue> fused;                // what a pass hung on the node
  bool scaled = false;                               // a scale was multiplied into the packed B
  const kernels::GemmVariant* gemm = nullptr;        // float and the half types
  const kernels::PlainGemmVariant* plain = nullptr;  // double and integers
  WeightBlock packed_b;
  int64_t packed_floats = 0;  // of one matrix; 0 where B is read as it lies

  bool half() const { return dtype == DType::kFloat16 || dtype == DType::kBFloat16; }
};

// Chooses the kernel for input 0's type and packs a constant input 1, each element multiplied by `scale`, if
// the type has a packed form. Says so in `prepared` (kernel's name, what was consumed).
Status PrepareProduct(PrepareContext& context, bool transpose_a, bool transpose_b, float scale,
                      ProductState* state, Prepared* prepared);

// The sizes of a product. A 1-D operand is a row on the left, a column on the right. Batches are broadcast.
struct ProductSizes {
  int64_t m = 0, n = 0, k = 0;
  Dims a_batch, b_batch;  // dims before the last two
  Dims batch;
};

// The symbolic shape of numpy's matmul of inputs a and b; rank unknown where theirs is.
Result<graph::Shape> MatMulShape(InferContext& context, size_t a, size_t b);

// kFail "MatMul dimension mismatch" where they do not fit.
Result<ProductSizes> MatMulSizes(const Dims& a, const Dims& b);

// Stage two.
struct ProductBinding {
  ProductSizes sizes;
  int64_t items = 1;
  std::vector<int64_t> a_index,
      b_index;  // matrix of each item; empty where item i reads matrix i, or all read the first
  int64_t a_stride = 0, b_stride = 0;  // elements between matrices
  kernels::GemmPlan plan;
  BoundEpilogue epilogue;
  size_t gemm_scratch_bytes = 0;
  size_t scratch_bytes = 0;  // with the float result of a half product behind
};
// `context` is looked at for the fused epilogue only; kFail where that does not fit.
Status BindProduct(const ProductState& state, const ProductSizes& sizes, const BindContext& context,
                   ProductBinding* binding);

// The fused epilogue of this run, or an empty one. `storage` lives as long as it.
kernels::Epilogue ProductEpilogue(const ProductState& state, const ProductBinding& binding,
                                  const RunContext& context, EpilogueOperands* storage);

// Computes into output 0, or into scratch where that is of a half type.
void RunProduct(const ProductState& state, const ProductBinding& binding, RunContext& context,
                const kernels::Epilogue* epilogue);
// Where RunProduct put a result of float or a half type.
float* ProductFloats(const ProductState& state, const ProductBinding& binding, RunContext& context);
// Rounds that result to output 0 if it is of a half type.
void StoreProduct(const ProductState& state, const ProductBinding& binding, RunContext& context);

Cost ProductCost(const ProductSizes& sizes);

}  // namespace ortolan::math
