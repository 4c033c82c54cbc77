// What FusedMatMul, TransposeMatMul and FusedMatMulActivation share: MatMul of transposed operands, times a
// number.
#pragma once

#include "ops/compose.h"

namespace ortolan {

// Reads alpha, transA, transB, transBatchA and transBatchB of the composed node.
Result<graph::Value*> FusedProduct(Composer& make);

}  // namespace ortolan
