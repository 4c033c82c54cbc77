// The tiles of the 8-bit products, written once over simd/vec.h; each ISA unit includes it with its own
// flags.
//
// A tile keeps rows x vectors of 32-bit sums in registers. One step loads a quad of each column of the panel
// and broadcasts a quad of each row: with VNNI 6 x 4 sums and 10 loads for 24 multiply-adds of 64 products.
// Without VNNI the quads are split into their even and odd bytes as 16-bit numbers, whose products pmaddwd
// adds without losing any: the usual pmaddubsw saturates.
#pragma once

#include "kernels/quant/byte_kernel.h"
#include "kernels/quant/byte_vec.h"

namespace ortolan::kernels {
namespace {

// The byte (as a number of the type's range) that a sum becomes. In this order of Min and Max NaN, which a
// broken scale gives, becomes the low end.
ORTOLAN_INLINE I32 ToByte(I32 sum, F32 scale, const ByteFinish& finish) {
  const F32 value = Min(Max(ToFloat(sum) * scale, Set(finish.low)), Set(finish.high));
  return ToInt(value) + SetInt(finish.zero);
}

ORTOLAN_INLINE I32 AddResidual(I32 byte, const ByteResidual& residual, int64_t row, int64_t column,
                               int64_t n) {
  const I32 other = LoadWidened(residual.data + row * residual.stride + column, n, residual.is_signed);
  // As onnxruntime rounds: the second operand first, both by fused steps.
  F32 value = Set(residual.fixed);
  if (residual.own_first) value = Fma(ToFloat(byte), Set(residual.own_ratio), value);
  value = Fma(ToFloat(other), Set(residual.other_ratio), value);
  if (!residual.own_first) value = Fma(ToFloat(byte), Set(residual.own_ratio), value);
  const float low = residual.out_signed ? -128.0f : 0.0f, high = residual.out_signed ? 127.0f : 255.0f;
  return ToInt(Min(Max(value, Set(low)), Set(high)));
}

// What becomes of `n` sums of one row.
ORTOLAN_INLINE void Finish(const ByteTile& tile, I32 sum, int row, int64_t column, int64_t n) {
  const ByteFinish& finish = *tile.finish;
  if (tile.b_zero != nullptr) sum = sum - SetInt(tile.row_sums[row]) * Load(tile.b_zero + column);
  uint8_t* const to = tile.c + row * tile.c_stride;
  if (finish.output == ByteOutput::kSums) {
    StoreSumsN((int32_t*)to + column, sum, n);
  } else if (finish.output == ByteOutput::kFloats) {
    F32 value = ToFloat(sum) * Load(tile.scale + column);
    if (tile.bias != nullptr) value = value + Load(tile.bias + column);
    StoreN((float*)to + column, value, n);
  } else {
    I32 byte = ToByte(sum, Load(tile.scale + column), finish);
    if (finish.residual.data != nullptr) {
      byte = AddResidual(byte, finish.residual, tile.first_row + row, tile.first_column + column, n);
    }
    StoreLowBytes(to + column, byte, n);
  }
}

template <bool kSigned, int kRows, int kVectors>
void Tile(const ByteTile& tile) {
  I32 sums[kRows][kVectors];
  ORTOLAN_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    const I32 start = Load(tile.start + v * kLanes);
    ORTOLAN_UNROLL
    for (int i = 0; i < kRows; ++i) sums[i][v] = start;
  }
  const int8_t* b = tile.b;
  const int64_t bytes = tile.steps * kQuad;
  for (int64_t tap = 0; tap < tile.taps; ++tap) {
    const uint8_t* a[kRows];
    ORTOLAN_UNROLL
    for (int i = 0; i < kRows; ++i) a[i] = tile.a[tap * tile.a_stride + i];
    for (int64_t k = 0; k < bytes; k += kQuad) {
      Right right[kVectors];
      ORTOLAN_UNROLL
      for (int v = 0; v < kVectors; ++v) right[v] = PrepareRight(LoadQuads(b + v * kLanes * kQuad));
      b += kVectors * kLanes * kQuad;
      ORTOLAN_UNROLL
      for (int i = 0; i < kRows; ++i) {
        Bytes quad = SpreadQuad(a[i] + k);
        if (kSigned) quad = Flip(quad);
        const Left left = PrepareLeft(quad);
        ORTOLAN_UNROLL
        for (int v = 0; v < kVectors; ++v) sums[i][v] = Dot(sums[i][v], left, right[v]);
      }
    }
  }
  ORTOLAN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    ORTOLAN_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const int64_t left = tile.columns - v * kLanes;
      if (left > 0) Finish(tile, sums[i][v], i, v * kLanes, left < kLanes ? left : kLanes);
    }
  }
}

int32_t RowSum(const uint8_t* a, int64_t bytes, bool is_signed) {
  const uint8_t flip = is_signed ? 0x80 : 0;
  uint32_t sum = 0;
  for (int64_t i = 0; i < bytes; ++i) sum += (uint8_t)(a[i] ^ flip);
  return (int32_t)sum;
}

#if defined(__AVX2__)
constexpr int kDepthwiseChannels = kBytes;
// Lane `lane` of the 4 vectors that unpacking 4 rows of bytes twice gives.
int DepthwiseChannel(int lane) {
  const int vector = lane / kLanes, within = lane % kLanes;
  return within / 4 * 16 + vector * 4 + within % 4;
}

template <bool kSigned>
ORTOLAN_INLINE Bytes TapBytes(const ByteDepthwise& work, int64_t tap, int64_t channel, int64_t n) {
  const Bytes bytes = LoadBytesN(work.a[tap] + channel, n);
  return kSigned ? Flip(bytes) : bytes;
}

template <bool kSigned>
void Depthwise(const ByteDepthwise& work) {
  const ByteFinish& finish = *work.finish;
  const int8_t* b = work.b;
  for (int64_t group = 0; group * kBytes < work.channels; ++group) {
    // The last group overlaps the one before it, where there is one.
    const int64_t begin = group * kBytes;
    const int64_t channel = begin + kBytes > work.channels && group > 0 ? work.channels - kBytes : begin;
    const int64_t n = work.channels - channel < kBytes ? work.channels - channel : kBytes;
    I32 sums[4];
    ORTOLAN_UNROLL
    for (int v = 0; v < 4; ++v) sums[v] = Load(work.start + begin + v * kLanes);
    for (int64_t quad = 0; quad < work.quads; ++quad) {
      const Bytes t0 = TapBytes<kSigned>(work, 4 * quad, channel, n);
      const Bytes t1 = TapBytes<kSigned>(work, 4 * quad + 1, channel, n);
      const Bytes t2 = TapBytes<kSigned>(work, 4 * quad + 2, channel, n);
      const Bytes t3 = TapBytes<kSigned>(work, 4 * quad + 3, channel, n);
      const Bytes low01 = LowBytes(t0, t1), high01 = HighBytes(t0, t1);
      const Bytes low23 = LowBytes(t2, t3), high23 = HighBytes(t2, t3);
      const Bytes rows[4] = {LowPairs(low01, low23), HighPairs(low01, low23), LowPairs(high01, high23),
                             HighPairs(high01, high23)};
      ORTOLAN_UNROLL
      for (int v = 0; v < 4; ++v) {
        sums[v] = Dot(sums[v], PrepareLeft(rows[v]), PrepareRight(LoadQuads(b + v * kBytes)));
      }
      b += 4 * kBytes;
    }
    ORTOLAN_UNROLL
    for (int v = 0; v < 4; ++v) sums[v] = ToByte(sums[v], Load(work.scale + begin + v * kLanes), finish);
    StoreBytesN(work.c + channel, JoinBytes(sums[0], sums[1], sums[2], sums[3], finish.is_signed), n);
  }
}
#else
constexpr int kDepthwiseChannels = 1;
int DepthwiseChannel(int lane) {
  return lane;
}

template <bool kSigned>
void Depthwise(const ByteDepthwise& work) {
  const int8_t* b = work.b;
  for (int64_t channel = 0; channel < work.channels; ++channel) {
    I32 sum = Load(work.start + channel);
    for (int64_t tap = 0; tap < 4 * work.quads; ++tap) {
      const uint8_t byte = (uint8_t)(work.a[tap][channel] ^ (kSigned ? 0x80 : 0));
      sum = sum + SetInt((int32_t)byte * (int32_t)*b++);
    }
    StoreLowBytes(work.c + channel, ToByte(sum, Load(work.scale + channel), *work.finish), 1);
  }
}
#endif

template <int kVectors, int kRows>
constexpr void FillTiles(ByteVariant& variant) {
  variant.tiles[0][kVectors - 1][kRows - 1] = &Tile<false, kRows, kVectors>;
  variant.tiles[1][kVectors - 1][kRows - 1] = &Tile<true, kRows, kVectors>;
  if constexpr (kRows > 1) FillTiles<kVectors, kRows - 1>(variant);
}

template <int kVectors, int kRows>
constexpr void FillPanel(ByteVariant& variant) {
  variant.rows[kVectors - 1] = kRows;
  FillTiles<kVectors, kRows>(variant);
}

constexpr ByteVariant MakeByteVariant(const char* name, Isa isa, bool vnni) {
  ByteVariant variant{};
  variant.name = name;
  variant.isa = isa;
  variant.vnni = vnni;
  variant.lanes = kLanes;
  variant.row_sum = &RowSum;
  variant.depthwise_channels = kDepthwiseChannels;
  variant.depthwise[0] = &Depthwise<false>;
  variant.depthwise[1] = &Depthwise<true>;
  variant.depthwise_channel = &DepthwiseChannel;
  return variant;
}

}  // namespace
}  // namespace ortolan::kernels
