#include "kernels/quant/block_product.h"

#include <algorithm>
#include <cstring>

#include "base/isa.h"

namespace ortolan::kernels {

#define ORTOLAN_BLOCKS(identifier) extern const BlockVariant identifier;
#include "kernels/quant/block_variants.inc"
#undef ORTOLAN_BLOCKS

namespace {

const BlockVariant* const kVariants[] = {
#define ORTOLAN_BLOCKS(identifier) &identifier,
#include "kernels/quant/block_variants.inc"
#undef ORTOLAN_BLOCKS
};

int64_t RoundUp(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

int64_t GroupColumns(const BlockVariant& variant) {
  return static_cast<int64_t>(variant.lanes) * variant.vectors;
}

size_t GroupBytes(const BlockVariant& variant, int bits, int64_t block, int64_t blocks, bool has_zeros) {
  const int64_t columns = GroupColumns(variant);
  return static_cast<size_t>(blocks * columns * (4 * (has_zeros ? 2 : 1) + block * bits / 8));
}

uint8_t NumberAt(const BlockWeights& weights, int64_t column, int64_t k) {
  const int64_t bit = (column * weights.blocks() * weights.block + k) * weights.bits;
  return static_cast<uint8_t>(weights.b[bit / 8] >> bit % 8 & ((1 << weights.bits) - 1));
}

void PackGroup(const BlockVariant& variant, const BlockWeights& weights, int64_t first, uint8_t* to) {
  const int64_t columns = GroupColumns(variant), blocks = weights.blocks(), block = weights.block;
  const int64_t steps = 8 / weights.bits, quads = block * weights.bits / 8 * columns;
  const int64_t real = std::min(columns, weights.n - first);
  for (int64_t b = 0; b < blocks; ++b) {
    auto* scales = reinterpret_cast<float*>(to);
    for (int64_t j = 0; j < columns; ++j) {
      const bool live = j < real;
      const int64_t at = (first + j) * blocks + b;
      scales[j] = live ? weights.scales[at] : 0;
      if (weights.zeros != nullptr) scales[columns + j] = live ? weights.zeros[at] : 0;
    }
    to += columns * 4 * (weights.zeros != nullptr ? 2 : 1);
    std::memset(to, 0, static_cast<size_t>(quads));
    for (int64_t j = 0; j < real; ++j) {
      for (int64_t i = 0; i < block; ++i) {
        // Step i / 4 of k lies in load (i / 4) / steps at bit (i / 4) % steps * bits.
        const int64_t step = i / 4, load = step / steps;
        const int shift = static_cast<int>(step % steps) * weights.bits;
        const uint8_t number = NumberAt(weights, first + j, b * block + i);
        to[(load * columns + j) * 4 + i % 4] |= static_cast<uint8_t>(number << shift);
      }
    }
    to += quads;
  }
}

struct Activations {
  int64_t k, blocks;
  int8_t* high;
  int8_t* low;
  float* scales;
  int32_t* sums;

  Activations(const BlockProduct& product, std::byte* memory)
      : k(RoundUp(product.k, product.block)), blocks(k / product.block) {
    // A vector more, since the last may be read whole.
    const int64_t bytes = RoundUp(product.m * k, 64) + 64;
    high = reinterpret_cast<int8_t*>(memory);
    low = product.wide ? high + bytes : nullptr;
    scales = reinterpret_cast<float*>(high + (product.wide ? 2 : 1) * bytes);
    sums = reinterpret_cast<int32_t*>(scales + product.m * blocks);
  }
};

int BitsIndex(int bits) {
  return bits == 2 ? 0 : bits == 4 ? 1 : 2;
}

}  // namespace

const BlockVariant& SelectBlocks(Isa isa) {
  for (const BlockVariant* variant : kVariants) {
    if (variant->isa <= isa && (HasByteDots() || !variant->dots)) return *variant;
  }
  return *kVariants[std::size(kVariants) - 1];
}

std::vector<const BlockVariant*> RunnableBlocks() {
  std::vector<const BlockVariant*> runnable;
  for (const BlockVariant* variant : kVariants) {
    if (variant->isa <= GetCpuInfo().isa && (HasByteDots() || !variant->dots)) runnable.push_back(variant);
  }
  return runnable;
}

int64_t PaddedBlockColumns(const BlockVariant& variant, int64_t n) {
  return RoundUp(n, GroupColumns(variant));
}

size_t PackedBlockBytes(const BlockVariant& variant, const BlockWeights& weights) {
  const int64_t groups = PaddedBlockColumns(variant, weights.n) / GroupColumns(variant);
  return static_cast<size_t>(groups) *
         GroupBytes(variant, weights.bits, weights.block, weights.blocks(), weights.zeros != nullptr);
}

void PackBlocks(const BlockVariant& variant, const BlockWeights& weights, uint8_t* packed,
                ThreadPool& threads) {
  const int64_t columns = GroupColumns(variant);
  const size_t bytes =
      GroupBytes(variant, weights.bits, weights.block, weights.blocks(), weights.zeros != nullptr);
  threads.ParallelFor((weights.n + columns - 1) / columns, [&](int64_t group) {
    PackGroup(variant, weights, group * columns, packed + static_cast<size_t>(group) * bytes);
  });
}

size_t BlockScratchBytes(const BlockProduct& product) {
  const int64_t k = RoundUp(product.k, product.block), blocks = k / product.block;
  const int64_t bytes = RoundUp(product.m * k, 64) + 64;
  return static_cast<size_t>((product.wide ? 2 : 1) * bytes + product.m * blocks * 8);
}

void RunBlockProduct(const BlockProduct& product, std::byte* scratch, ThreadPool& threads) {
  if (product.m == 0 || product.n == 0) return;
  const BlockVariant& variant = *product.variant;
  const Activations a(product, scratch);
  const int64_t row_grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(a.k, 1));
  threads.ParallelRanges(product.m, row_grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      variant.quantize(product.a + i * product.a_stride, product.k, product.block, a.blocks, a.high + i * a.k,
                       a.low != nullptr ? a.low + i * a.k : nullptr, a.scales + i * a.blocks,
                       a.sums + i * a.blocks);
    }
  });
  const int64_t columns = GroupColumns(variant), groups = (product.n + columns - 1) / columns;
  const size_t group_bytes = GroupBytes(variant, product.bits, product.block, a.blocks, product.has_zeros);
  // Groups of columns are shared out; 128 KB of weights are 3 microseconds of memory's bandwidth, which many
  // rows make many times longer.
  const auto grain = static_cast<int64_t>(std::max<size_t>(
      1, (size_t{128} << 10) / std::max<size_t>(1, group_bytes * static_cast<size_t>(product.m))));
  threads.ParallelRanges(groups, grain, [&](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; ++group) {
      BlockTile tile{};
      tile.k = a.k;
      tile.weights = product.packed + static_cast<size_t>(group) * group_bytes;
      tile.blocks = a.blocks;
      tile.block = product.block;
      tile.has_zeros = product.has_zeros;
      tile.zero = static_cast<float>(1 << (product.bits - 1));
      tile.bias = product.bias != nullptr ? product.bias + group * columns : nullptr;
      tile.c_stride = product.n;
      tile.columns = std::min(columns, product.n - group * columns);
      for (int64_t row = 0; row < product.m; row += variant.rows) {
        const int64_t rows = std::min<int64_t>(variant.rows, product.m - row);
        tile.high = a.high + row * a.k;
        tile.low = a.low != nullptr ? a.low + row * a.k : nullptr;
        tile.scales = a.scales + row * a.blocks;
        tile.sums = a.sums + row * a.blocks;
        tile.c = product.c + row * product.n + group * columns;
        variant.tiles[BitsIndex(product.bits)][rows - 1](tile);
      }
    }
  });
}

}  // namespace ortolan::kernels
