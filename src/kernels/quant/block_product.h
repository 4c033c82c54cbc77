// Floats times weights of 2, 4 or 8 bits, which have a scale (and a zero point) for each block of a column:
// what MatMulNBits computes. The activations become integers of 8 or 16 bits, block by block, so that the
// products are integer ones; 16 bits lose a 2^-16th of a block's largest number at most, about what summing
// in float loses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/cpu.h"
#include "kernels/quant/block_kernel.h"
#include "threads/pool.h"

namespace ortolan::kernels {

const BlockVariant& SelectBlocks(Isa isa);
std::vector<const BlockVariant*> RunnableBlocks();

// The weights as MatMulNBits has them: b [n][blocks][block * bits / 8], the first number in the low bits.
struct BlockWeights {
  int bits = 4;
  int64_t block = 32;
  int64_t n = 0;
  int64_t k = 0;
  const uint8_t* b = nullptr;
  const float* scales = nullptr;  // [n][blocks]
  const float* zeros = nullptr;   // the same, or null: 2^(bits - 1) for all

  int64_t blocks() const { return (k + block - 1) / block; }
};

size_t PackedBlockBytes(const BlockVariant& variant, const BlockWeights& weights);
void PackBlocks(const BlockVariant& variant, const BlockWeights& weights, uint8_t* packed,
                ThreadPool& threads);

struct BlockProduct {
  const BlockVariant* variant = nullptr;
  int bits = 4;
  int64_t block = 32;
  int64_t m = 0, n = 0, k = 0;
  bool has_zeros = false;
  bool wide = true;  // activations of 16 bits
  const float* a = nullptr;
  int64_t a_stride = 0;
  const uint8_t* packed = nullptr;
  const float* bias = nullptr;  // n floats, padded to PaddedBlockColumns; or null
  float* c = nullptr;
};
int64_t PaddedBlockColumns(const BlockVariant& variant, int64_t n);
size_t BlockScratchBytes(const BlockProduct& product);
// c is dense, m x n.
void RunBlockProduct(const BlockProduct& product, std::byte* scratch, ThreadPool& threads);

}  // namespace ortolan::kernels
