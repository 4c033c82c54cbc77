// Einsum as a list of steps over dense temporaries: sums of axes that one operand alone has, copies into the
// order that a matrix product needs, batched products, and a last permutation.
//
// Operands are taken from left to right. Of each pair the subscripts fall into a batch (both have it and it
// is wanted later), a contraction (both have it, nobody else), and the rows and columns of the product.
#pragma once

#include <optional>
#include <vector>

#include "kernels/gemm/gemm.h"
#include "kernels/move/strided_copy.h"
#include "ops/math/einsum_equation.h"
#include "value/dims.h"
#include "value/dtype.h"

namespace ortolan::math {

// Where the elements of an operand lie: an input of the node, its output, or bytes of scratch.
struct EinsumPlace {
  enum class Kind : uint8_t { kInput, kOutput, kScratch };
  Kind kind = Kind::kInput;
  size_t at = 0;  // number of the input, offset in scratch
};

struct EinsumAxis {
  Label label;
  int64_t size;
  int64_t stride;
};

// An operand as it stands before a step. Axes of size one are dropped: they have no subscript any more.
struct EinsumOperand {
  EinsumPlace place;
  SmallVector<EinsumAxis, 6> axes;
};

struct EinsumStep {
  enum class Kind : uint8_t { kConvertIn, kCopy, kReduce, kProduct, kDots, kConvertOut };
  Kind kind = Kind::kCopy;
  EinsumPlace a, b, to;
  int64_t count = 0;       // kConvertIn, kConvertOut: elements
  kernels::CopyPlan copy;  // kCopy
  // kReduce: the axes that stay, then those that are summed.
  Dims kept, kept_strides, summed, summed_strides;
  // kProduct: to[batch][m][n] = sum over k of a * b; kDots: m = n = 1.
  int64_t batch = 1, m = 1, n = 1, k = 1;
  bool transpose_a = false, transpose_b = false;  // the matrix lies as [k][m] or [n][k]
  kernels::GemmPlan gemm;                         // of float
  std::vector<int64_t> offsets_a, offsets_b;      // of the other types
};

struct EinsumPlan {
  std::vector<EinsumStep> steps;
  size_t scratch_bytes = 0;  // the temporaries and, behind them, what a product needs
  size_t gemm_scratch = 0;   // where that begins
  size_t gemm_scratch_bytes = 0;
};

// `worked` is the type that products are computed in, `given` that of inputs and output. `gemm` is used where
// `worked` is float. kInvalidArgument where sizes of one subscript differ.
Result<EinsumPlan> PlanEinsum(const EinsumEquation& equation, std::span<const Dims> inputs,
                              const Dims& output, DType given, DType worked, const kernels::GemmVariant* gemm,
                              int threads);

}  // namespace ortolan::math
