// Scales of products of 8-bit matrices, gathered for the kernel.
#pragma once

#include "ops/quant/integer_matmul.h"

namespace ortolan::quant {

// Scratch of a product whose columns have a scale and a bias: PaddedColumns floats each.
inline size_t ScaleBytes(const IntegerMatMul& state, int64_t n) {
  return static_cast<size_t>(PaddedColumns(state, n)) * 8;
}

// factor * the scales of input `b_scale` (one number, or one for each column), in the operator's own
// scratch; kInvalidArgument where they are neither.
Result<float*> ColumnScales(const IntegerMatMul& state, const IntegerMatMulBinding& binding,
                            const RunContext& context, size_t b_scale, float factor, float divisor);
// The float bias of input `bias` behind them, or null where it is absent.
Result<const float*> ColumnBias(const IntegerMatMul& state, const IntegerMatMulBinding& binding,
                                const RunContext& context, size_t bias);
// The one number of input `input`.
Result<float> OneScale(const RunContext& context, size_t input);

}  // namespace ortolan::quant
