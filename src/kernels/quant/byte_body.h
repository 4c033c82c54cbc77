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

// What a sum becomes but for the zero point and the clamp to the type's range, which come with the packing.
// The upper clamp keeps large numbers positive (their conversion is not defined); as the second operand of
// Min NaN stays NaN, whose conversion is the lowest number.
ORTOLAN_INLINE I32 Scaled(I32 sum, F32 scale, F32 high) {
  return ToInt(Min(high, ToFloat(sum) * scale));
}

// The byte as a float, with another tensor added as onnxruntime rounds it: the second operand first, both by
// fused steps.
ORTOLAN_INLINE I32 AddResidual(I32 sum, F32 scale, const ByteFinish& finish, const uint8_t* other,
                               int64_t n) {
  const ByteResidual& residual = finish.residual;
  const F32 scaled = Min(Max(ToFloat(sum) * scale, Set(finish.low)), Set(finish.high));
  const F32 byte = RoundEven(scaled) + Set((float)finish.zero);
  const F32 added = ToFloat(LoadWidened(other, n, residual.is_signed));
  F32 value = Set(residual.fixed);
  if (residual.own_first) value = Fma(byte, Set(residual.own_ratio), value);
  value = Fma(added, Set(residual.other_ratio), value);
  if (!residual.own_first) value = Fma(byte, Set(residual.own_ratio), value);
  return ToInt(Min(Set(255.0f), value));
}

ORTOLAN_INLINE int64_t LanesLeft(int64_t columns, int v) {
  const int64_t left = columns - v * kLanes;
  return left < 0 ? 0 : left < kLanes ? left : kLanes;
}

// Any finish, from sums in memory.
template <int kVectors>
__attribute__((noinline)) void FinishRows(const ByteTile& tile, const int32_t* sums, int rows) {
  const ByteFinish& finish = *tile.finish;
  const ByteResidual& residual = finish.residual;
  const bool is_signed = residual.data != nullptr ? residual.out_signed : finish.is_signed;
  for (int row = 0; row < rows; ++row, sums += kVectors * kLanes) {
    uint8_t* const to = tile.c + row * tile.c_stride;
    I32 own[4] = {SetInt(0), SetInt(0), SetInt(0), SetInt(0)};
    ORTOLAN_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      own[v] = Load(sums + v * kLanes);
      if (tile.b_zero != nullptr)
        own[v] = own[v] - SetInt(tile.row_sums[row]) * Load(tile.b_zero + v * kLanes);
      const int64_t left = LanesLeft(tile.columns, v);
      if (finish.output == ByteOutput::kSums) {
        StoreSumsN((int32_t*)to + v * kLanes, own[v], left);
      } else if (finish.output == ByteOutput::kFloats) {
        F32 value = ToFloat(own[v]) * Load(tile.scale + v * kLanes);
        if (tile.bias != nullptr) value = value + Load(tile.bias + v * kLanes);
        StoreN((float*)to + v * kLanes, value, left);
      } else if (residual.data != nullptr) {
        const uint8_t* other =
            residual.data + (tile.first_row + row) * residual.stride + tile.first_column + v * kLanes;
        own[v] = AddResidual(own[v], Load(tile.scale + v * kLanes), finish, other, left);
      } else {
        own[v] = Scaled(own[v], Load(tile.scale + v * kLanes), Set(finish.high));
      }
    }
    if (finish.output == ByteOutput::kBytes) {
      const int32_t zero = residual.data != nullptr ? 0 : finish.zero;
      StoreBytesN(to, InOrder(JoinBytes(own[0], own[1], own[2], own[3], zero, is_signed)), tile.columns);
    }
  }
}

// What the sums lack where the left bytes are moved.
template <int kRows, int kVectors>
ORTOLAN_INLINE void AddMoved(const ByteTile& tile, I32 (&sums)[kRows][kVectors]) {
  I32 half[kVectors];
  ORTOLAN_UNROLL
  for (int v = 0; v < kVectors; ++v) half[v] = SetInt(0);
  const int8_t* b = tile.b;
  for (int64_t step = tile.taps * tile.steps; step > 0; --step, b += kVectors * kBytes) {
    ORTOLAN_UNROLL
    for (int v = 0; v < kVectors; ++v)
      half[v] = AddHalfMoved(half[v], PrepareRight(LoadQuads(b + v * kBytes)));
  }
  ORTOLAN_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    ORTOLAN_UNROLL
    for (int i = 0; i < kRows; ++i) sums[i][v] = sums[i][v] + ShiftLeft<1>(half[v]);
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
  if constexpr (kLeftMoved != 0) AddMoved(tile, sums);
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
  const ByteFinish& finish = *tile.finish;
  if (finish.output != ByteOutput::kBytes || finish.residual.data != nullptr || tile.b_zero != nullptr) {
    int32_t spilled[kRows * kVectors * kLanes];
    ORTOLAN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      ORTOLAN_UNROLL
      for (int v = 0; v < kVectors; ++v) Store(spilled + (i * kVectors + v) * kLanes, sums[i][v]);
    }
    FinishRows<kVectors>(tile, spilled, kRows);
    return;
  }
  const F32 high = Set(finish.high);
  F32 scale[kVectors];
  ORTOLAN_UNROLL
  for (int v = 0; v < kVectors; ++v) scale[v] = Load(tile.scale + v * kLanes);
  ORTOLAN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    I32 own[4] = {SetInt(0), SetInt(0), SetInt(0), SetInt(0)};
    ORTOLAN_UNROLL
    for (int v = 0; v < kVectors; ++v) own[v] = Scaled(sums[i][v], scale[v], high);
    StoreBytesN(tile.c + i * tile.c_stride,
                InOrder(JoinBytes(own[0], own[1], own[2], own[3], finish.zero, finish.is_signed)),
                tile.columns);
  }
}

int32_t RowSum(const uint8_t* a, int64_t bytes, bool is_signed) {
  const uint8_t flip = is_signed ? 0x80 : 0;
  uint32_t sum = 0;
  for (int64_t i = 0; i < bytes; ++i) sum += (uint8_t)(a[i] ^ flip);
  return (int32_t)sum;
}

#if defined(__AVX2__) || defined(ORTOLAN_NEON)
constexpr int kDepthwiseChannels = kBytes;
// Lane `lane` of the 4 vectors that unpacking 4 rows of bytes twice gives.
int DepthwiseChannel(int lane) {
  const int vector = lane / kLanes, within = lane % kLanes;
  return within / 4 * 16 + vector * 4 + within % 4;
}

template <bool kSigned>
ORTOLAN_INLINE Bytes TapBytes(const ByteDepthwise& work, int64_t tap, int64_t channel, int64_t n) {
  const Bytes bytes = LoadBytesN(work.a[tap * work.a_stride] + channel, n);
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
        if constexpr (kLeftMoved != 0) {
          const Right right = PrepareRight(LoadQuads(b + v * kBytes));
          sums[v] = AddHalfMoved(AddHalfMoved(sums[v], right), right);
        }
      }
      b += 4 * kBytes;
    }
    ORTOLAN_UNROLL
    for (int v = 0; v < 4; ++v)
      sums[v] = Scaled(sums[v], Load(work.scale + begin + v * kLanes), Set(finish.high));
    StoreBytesN(work.c + channel,
                JoinBytes(sums[0], sums[1], sums[2], sums[3], finish.zero, finish.is_signed), n);
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
      const uint8_t byte = (uint8_t)(work.a[tap * work.a_stride][channel] ^ (kSigned ? 0x80 : 0));
      sum = sum + SetInt((int32_t)byte * (int32_t)*b++);
    }
    const I32 own = Scaled(sum, Load(work.scale + channel), Set(work.finish->high));
    StoreBytesN(work.c + channel, JoinBytes(own, own, own, own, work.finish->zero, work.finish->is_signed),
                1);
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

constexpr ByteVariant MakeByteVariant(const char* name, Isa isa, bool dots) {
  ByteVariant variant{};
  variant.name = name;
  variant.isa = isa;
  variant.dots = dots;
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
