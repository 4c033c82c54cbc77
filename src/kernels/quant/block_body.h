// The tiles of products with weights in blocks, written once; each ISA unit includes it with its own flags.
//
// The weights are the unsigned side of the quads' multiplication, the activations the signed one, which comes
// from memory as a broadcast. Activations of 16 bits are two bytes: the sums of the upper ones, times 256,
// are where those of the lower ones begin.
#pragma once

#include "kernels/quant/block_kernel.h"
#include "kernels/quant/byte_vec.h"

namespace ortolan::kernels {
namespace {

template <int kBits, int kShift>
ORTOLAN_INLINE Bytes Numbers(Bytes packed) {
  if (kBits == 8) return packed;
#if defined(__AVX512F__)
  const __m512i mask = _mm512_set1_epi8((1 << (kBits & 7)) - 1);
  return {_mm512_and_si512(kShift == 0 ? packed.v : _mm512_srli_epi16(packed.v, kShift), mask)};
#elif defined(__AVX2__)
  const __m256i mask = _mm256_set1_epi8((1 << (kBits & 7)) - 1);
  return {_mm256_and_si256(kShift == 0 ? packed.v : _mm256_srli_epi16(packed.v, kShift), mask)};
#elif defined(ORTOLAN_NEON)
  // A shift by 0 cannot be written.
  const uint8x16_t shifted = kShift == 0 ? packed.v : vshrq_n_u8(packed.v, kShift == 0 ? 8 : kShift);
  return {vandq_u8(shifted, vdupq_n_u8((1 << (kBits & 7)) - 1))};
#else
  Bytes numbers;
  for (int i = 0; i < kQuad; ++i) numbers.v[i] = (uint8_t)(packed.v[i] >> kShift & ((1 << kBits) - 1));
  return numbers;
#endif
}

template <int kBits, int kShift, int kRows, int kVectors>
ORTOLAN_INLINE void Step(I32 (&sums)[kRows][kVectors], const Bytes (&packed)[kVectors], const int8_t* a,
                         int64_t a_stride) {
  Left left[kVectors];
  ORTOLAN_UNROLL
  for (int v = 0; v < kVectors; ++v) left[v] = PrepareLeft(Numbers<kBits, kShift>(packed[v]));
  ORTOLAN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    const Right right = PrepareRight(SpreadQuad((const uint8_t*)a + i * a_stride));
    ORTOLAN_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[i][v] = Dot(sums[i][v], left[v], right);
  }
}

// The sums of one block and one byte of the activations.
template <int kBits, int kRows, int kVectors>
ORTOLAN_INLINE void BlockSums(I32 (&sums)[kRows][kVectors], const uint8_t* weights, const int8_t* a,
                              int64_t a_stride, int64_t block) {
  constexpr int kSteps = 8 / kBits;
  for (int64_t k = 0; k < block; k += kSteps * kQuad) {
    Bytes packed[kVectors];
    ORTOLAN_UNROLL
    for (int v = 0; v < kVectors; ++v) packed[v] = LoadQuads(weights + v * kLanes * kQuad);
    weights += kVectors * kLanes * kQuad;
    Step<kBits, 0>(sums, packed, a + k, a_stride);
    if (kSteps > 1) Step<kBits, kBits & 7>(sums, packed, a + k + kQuad, a_stride);
    if (kSteps > 2) Step<kBits, kBits * 2 & 7>(sums, packed, a + k + 2 * kQuad, a_stride);
    if (kSteps > 2) Step<kBits, kBits * 3 & 7>(sums, packed, a + k + 3 * kQuad, a_stride);
  }
}

template <int kBits, int kRows, int kVectors>
void Tile(const BlockTile& tile) {
  F32 values[kRows][kVectors];
  ORTOLAN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    ORTOLAN_UNROLL
    for (int v = 0; v < kVectors; ++v) values[i][v] = Zero();
  }
  const uint8_t* weights = tile.weights;
  const int64_t quads = tile.block * kBits / 8 * kLanes * kVectors;
  for (int64_t block = 0; block < tile.blocks; ++block) {
    const float* scales = (const float*)weights;
    const float* zeros = scales + kVectors * kLanes;
    weights += kVectors * kLanes * 4 * (tile.has_zeros ? 2 : 1);
#if defined(__AVX2__) || defined(ORTOLAN_NEON)
    // 4 KB ahead: what the hardware would ask for by itself ends at the page.
    for (int64_t line = 0; line < quads; line += 64) __builtin_prefetch(weights + 4096 + line);
#endif
    I32 sums[kRows][kVectors];
    ORTOLAN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      ORTOLAN_UNROLL
      for (int v = 0; v < kVectors; ++v) sums[i][v] = SetInt(0);
    }
    const int64_t at = block * tile.block;
    BlockSums<kBits>(sums, weights, tile.high + at, tile.k, tile.block);
    if (tile.low != nullptr) {
      ORTOLAN_UNROLL
      for (int i = 0; i < kRows; ++i) {
        ORTOLAN_UNROLL
        for (int v = 0; v < kVectors; ++v) sums[i][v] = ShiftLeft<8>(sums[i][v]);
      }
      BlockSums<kBits>(sums, weights, tile.low + at, tile.k, tile.block);
    }
    weights += quads;
    ORTOLAN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const F32 a_scale = Set(tile.scales[i * tile.blocks + block]);
      const F32 a_sum = Set((float)tile.sums[i * tile.blocks + block]);
      ORTOLAN_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        const F32 zero = tile.has_zeros ? Load(zeros + v * kLanes) : Set(tile.zero);
        if constexpr (kLeftMoved != 0)
          sums[i][v] = sums[i][v] + SetInt(kLeftMoved * tile.sums[i * tile.blocks + block]);
        const F32 sum = Fnma(zero, a_sum, ToFloat(sums[i][v]));
        values[i][v] = Fma(sum * a_scale, Load(scales + v * kLanes), values[i][v]);
      }
    }
  }
  ORTOLAN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    ORTOLAN_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const int64_t left = tile.columns - v * kLanes;
      if (left <= 0) continue;
      F32 value = values[i][v];
      if (tile.bias != nullptr) value = value + Load(tile.bias + v * kLanes);
      StoreN(tile.c + i * tile.c_stride + v * kLanes, value, left < kLanes ? left : kLanes);
    }
  }
}

ORTOLAN_INLINE F32 LargestOf(const float* x, int64_t n) {
  F32 largest = Zero();
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t left = n - i;
    largest = Max(Abs(left < kLanes ? LoadN(x + i, left) : Load(x + i)), largest);
  }
  return largest;
}

void QuantizeRow(const float* x, int64_t k, int64_t block, int64_t blocks, int8_t* high, int8_t* low,
                 float* scales, int32_t* sums) {
  // 16 bits: 127 * 256 + 127 is the largest number whose upper byte, rounded, stays a byte.
  const float most = low != nullptr ? 32639.0f : 127.0f;
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t at = b * block, n = k - at < block ? k - at : block;
    const float largest = ReduceMax(LargestOf(x + at, n));
    const float scale = largest / most, inverse = largest > 0 ? most / largest : 0.0f;
    I32 total = SetInt(0);
    for (int64_t i = 0; i < block; i += kLanes) {
      const int64_t left = n - i;
      F32 value = left >= kLanes ? Load(x + at + i) : LoadN(x + at + i, left < 0 ? 0 : left);
      I32 number = ToInt(Min(Max(value * Set(inverse), Set(-most)), Set(most)));
      total = total + number;
      if (low != nullptr) {
        const I32 upper = ShiftRightSigned<8>(number + SetInt(128));
        StoreLowBytes((uint8_t*)low + at + i, number - ShiftLeft<8>(upper), kLanes);
        number = upper;
      }
      StoreLowBytes((uint8_t*)high + at + i, number, kLanes);
    }
    scales[b] = scale;
    int32_t parts[kLanes], sum = 0;
    Store(parts, total);
    for (int i = 0; i < kLanes; ++i) sum += parts[i];
    sums[b] = sum;
  }
}

template <int kBits, int kRows, int kVectors>
constexpr void FillTiles(BlockVariant& variant, int index) {
  variant.tiles[index][kRows - 1] = &Tile<kBits, kRows, kVectors>;
  if constexpr (kRows > 1) FillTiles<kBits, kRows - 1, kVectors>(variant, index);
}

template <int kRows, int kVectors>
constexpr BlockVariant MakeBlockVariant(const char* name, Isa isa, bool dots) {
  BlockVariant variant{};
  variant.name = name;
  variant.isa = isa;
  variant.dots = dots;
  variant.lanes = kLanes;
  variant.vectors = kVectors;
  variant.rows = kRows;
  FillTiles<2, kRows, kVectors>(variant, 0);
  FillTiles<4, kRows, kVectors>(variant, 1);
  FillTiles<8, kRows, kVectors>(variant, 2);
  variant.quantize = &QuantizeRow;
  return variant;
}

}  // namespace
}  // namespace ortolan::kernels
