// The plain side of products with weights of 2, 4 or 8 bits in blocks: what the ISA units and the driver
// (block_product.h) share.
#pragma once

#include <stdint.h>

#include "base/cpu.h"

namespace ortolan::kernels {

// Rows of quantized activations times one group of columns (vectors * lanes of them), K whole.
//
// Weights of a group: for each block [scales: a float a column][zeros: the same, where `has_zeros`][quads:
// for each load one vector for each vector of columns, in whose bytes as many steps of k lie as numbers fit
// in a byte, the first in the low bits].
struct BlockTile {
  const int8_t* high;  // [row][k]: the activations' upper byte, the only one where `low` is null
  const int8_t* low;
  int64_t k;            // padded to whole blocks: bytes from row to row
  const float* scales;  // [row][blocks]
  const int32_t* sums;  // [row][blocks]: of the block's activations
  const uint8_t* weights;
  int64_t blocks;
  int64_t block;  // numbers in a block, a multiple of 16
  bool has_zeros;
  float zero;         // of all blocks, where they have none of their own
  const float* bias;  // one for each column, readable to the group's end; or null
  float* c;
  int64_t c_stride;
  int64_t columns;  // to be stored
};
using BlockTileFunction = void (*)(const BlockTile& tile);

inline constexpr int kMostBlockRows = 4;

struct BlockVariant {
  const char* name;
  Isa isa;
  bool dots;  // asks for HasByteDots()
  int lanes;
  int vectors;
  int rows;
  BlockTileFunction tiles[3][kMostBlockRows];  // [bits: 2, 4, 8][rows - 1]
  // A row of floats in blocks: high (and low) bytes, the scale and sum of each block. `k` numbers, the rest
  // of the last block is zeros.
  void (*quantize)(const float* x, int64_t k, int64_t block, int64_t blocks, int8_t* high, int8_t* low,
                   float* scales, int32_t* sums);
};

}  // namespace ortolan::kernels
