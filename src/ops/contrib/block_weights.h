// Weights of small floats with a scale for each block of a row, as MatMulBlockQuantizedFp4Weight and
// MatMulBlockQuantizedFp8Weight have them.
#pragma once

#include "ops/compose.h"

namespace ortolan {

// x times the transposed weights (n, k), floats, each times the scale (n, blocks), a float, of its block of
// the row; plus a bias. The result has x's type.
Result<graph::Value*> BlockScaledProduct(Composer& make, graph::Value* x, graph::Value* weights,
                                         graph::Value* scales, int64_t block, graph::Value* bias);

}  // namespace ortolan
