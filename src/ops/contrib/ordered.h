// Matrices of bytes in the orders of cublasLt, which the QOrdered operators name by number: 0 columns, 1
// rows, 2 columns of 32, 3 and 4 its tiles for weights. Inside, matrices stand by rows.
#pragma once

#include "ops/compose.h"

namespace ortolan {

// x (..., rows, columns), whose bytes stand in this order, with its rows one behind the other, and back. The
// tiles need a known number of rows and columns.
Result<graph::Value*> ByRows(Composer& make, graph::Value* x, int64_t order);
Result<graph::Value*> InOrder(Composer& make, graph::Value* x, int64_t order);
// Numbers of int8 times a scale (one, or one for each column), and back with rounding to even.
graph::Value* Scaled(Composer& make, graph::Value* x, graph::Value* scale);
graph::Value* Rounded(Composer& make, graph::Value* x, graph::Value* scale);
// Weights (rows, columns) as the operators have them: stored by columns, or transposed and then in tiles.
Result<graph::Value*> OrderedWeights(Composer& make, graph::Value* w, int64_t order);

}  // namespace ortolan
