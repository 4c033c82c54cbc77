// What MatMulNBitsMlp and MatMulNBitsQkv share: inputs A, skip and norm_scale, then threes of weights, scales
// and bias for each product.
#pragma once

#include "ops/compose.h"

namespace ortolan {

// What the products read: the input, its RMS normalisation, or that of its sum with a skip; and the sum.
struct NormalizedInput {
  graph::Value* x;
  graph::Value* sum;
};
Result<NormalizedInput> NormalizedForProducts(Composer& make, float epsilon);

// The product of which `first` is the input of weights; columns: the attribute that says how many.
graph::Value* NBitsProduct(Composer& make, graph::Value* x, size_t first, std::string_view columns);

}  // namespace ortolan
