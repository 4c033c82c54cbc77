// The vectors of bytes of byte_vec.h on aarch64, which includes it; what each function promises stands there.
#pragma once

#include <string.h>

#include "simd/vec.h"

namespace ortolan::kernels {
namespace {

constexpr int kBytes = 16;
struct Bytes {
  uint8x16_t v;
};
ORTOLAN_INLINE Bytes LoadQuads(const void* p) {
  return {vld1q_u8((const uint8_t*)p)};
}
ORTOLAN_INLINE Bytes SpreadQuad(const uint8_t* p) {
  uint32_t quad;
  memcpy(&quad, p, sizeof(quad));
  return {vreinterpretq_u8_u32(vdupq_n_u32(quad))};
}
ORTOLAN_INLINE Bytes Flip(Bytes a) {
  return {veorq_u8(a.v, vdupq_n_u8(0x80))};
}
ORTOLAN_INLINE Bytes LoadBytesN(const uint8_t* p, int64_t n) {
  if (n >= kBytes) return LoadQuads(p);
  uint8_t part[kBytes] = {0};
  for (int64_t i = 0; i < n; ++i) part[i] = p[i];
  return LoadQuads(part);
}
ORTOLAN_INLINE void StoreBytesN(uint8_t* p, Bytes a, int64_t n) {
  if (n >= kBytes) {
    vst1q_u8(p, a.v);
    return;
  }
  uint8_t part[kBytes];
  vst1q_u8(part, a.v);
  for (int64_t i = 0; i < n; ++i) p[i] = part[i];
}
ORTOLAN_INLINE Bytes LowBytes(Bytes a, Bytes b) {
  return {vzip1q_u8(a.v, b.v)};
}
ORTOLAN_INLINE Bytes HighBytes(Bytes a, Bytes b) {
  return {vzip2q_u8(a.v, b.v)};
}
ORTOLAN_INLINE Bytes LowPairs(Bytes a, Bytes b) {
  return {vreinterpretq_u8_u16(vzip1q_u16(vreinterpretq_u16_u8(a.v), vreinterpretq_u16_u8(b.v)))};
}
ORTOLAN_INLINE Bytes HighPairs(Bytes a, Bytes b) {
  return {vreinterpretq_u8_u16(vzip2q_u16(vreinterpretq_u16_u8(a.v), vreinterpretq_u16_u8(b.v)))};
}
ORTOLAN_INLINE Bytes JoinBytes(I32 a, I32 b, I32 c, I32 d, int32_t zero, bool is_signed) {
  const int16x8_t add = vdupq_n_s16((int16_t)zero);
  const int16x8_t low = vqaddq_s16(vcombine_s16(vqmovn_s32(a.v), vqmovn_s32(b.v)), add);
  const int16x8_t high = vqaddq_s16(vcombine_s16(vqmovn_s32(c.v), vqmovn_s32(d.v)), add);
  if (is_signed) return {vreinterpretq_u8_s8(vcombine_s8(vqmovn_s16(low), vqmovn_s16(high)))};
  return {vcombine_u8(vqmovun_s16(low), vqmovun_s16(high))};
}
// Packing keeps the order here.
ORTOLAN_INLINE Bytes InOrder(Bytes a) {
  return a;
}
ORTOLAN_INLINE void StoreLowBytes(uint8_t* p, I32 a, int64_t n) {
  const int8x16_t bytes = vreinterpretq_s8_s32(a.v);
  const uint32_t four =
      vgetq_lane_u32(vreinterpretq_u32_s8(vuzp1q_s8(vuzp1q_s8(bytes, bytes), vuzp1q_s8(bytes, bytes))), 0);
  memcpy(p, &four, n >= kLanes ? 4 : (size_t)n);
}
ORTOLAN_INLINE I32 LoadWidened(const uint8_t* p, int64_t n, bool is_signed) {
  uint32_t four = 0;
  memcpy(&four, p, n >= kLanes ? 4 : (size_t)n);
  const uint8x8_t packed = vreinterpret_u8_u32(vdup_n_u32(four));
  if (is_signed) return {vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(packed))))};
  return {vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(packed))))};
}
ORTOLAN_INLINE void StoreSumsN(int32_t* p, I32 a, int64_t n) {
  if (n >= kLanes) {
    Store(p, a);
    return;
  }
  int32_t part[kLanes];
  Store(part, a);
  for (int64_t i = 0; i < n; ++i) p[i] = part[i];
}
#if defined(__ARM_FEATURE_DOTPROD)
constexpr int kLeftMoved = 128;
struct Left {
  int8x16_t v;
};
using Right = Left;
ORTOLAN_INLINE Left PrepareLeft(Bytes a) {
  return {vreinterpretq_s8_u8(Flip(a).v)};
}
ORTOLAN_INLINE Right PrepareRight(Bytes b) {
  return {vreinterpretq_s8_u8(b.v)};
}
ORTOLAN_INLINE I32 Dot(I32 sum, Left a, Right b) {
  return {vdotq_s32(sum.v, a.v, b.v)};
}
// By halves, since 128 is no signed byte.
ORTOLAN_INLINE I32 AddHalfMoved(I32 sum, Right b) {
  return {vdotq_s32(sum.v, b.v, vdupq_n_s8(kLeftMoved / 2))};
}
#else
constexpr int kLeftMoved = 0;
// Even and odd bytes as 16-bit numbers, whose products need 32 bits.
struct Left {
  int16x8_t even, odd;
};
using Right = Left;
ORTOLAN_INLINE Left PrepareLeft(Bytes a) {
  const uint16x8_t pairs = vreinterpretq_u16_u8(a.v);
  return {vreinterpretq_s16_u16(vandq_u16(pairs, vdupq_n_u16(0xff))),
          vreinterpretq_s16_u16(vshrq_n_u16(pairs, 8))};
}
ORTOLAN_INLINE Right PrepareRight(Bytes b) {
  const int16x8_t pairs = vreinterpretq_s16_u8(b.v);
  return {vshrq_n_s16(vshlq_n_s16(pairs, 8), 8), vshrq_n_s16(pairs, 8)};
}
ORTOLAN_INLINE I32 Dot(I32 sum, Left a, Right b) {
  int32x4_t low = vmull_s16(vget_low_s16(a.even), vget_low_s16(b.even));
  int32x4_t high = vmull_high_s16(a.even, b.even);
  low = vmlal_s16(low, vget_low_s16(a.odd), vget_low_s16(b.odd));
  high = vmlal_high_s16(high, a.odd, b.odd);
  return {vaddq_s32(sum.v, vpaddq_s32(low, high))};
}
ORTOLAN_INLINE I32 AddHalfMoved(I32 sum, Right) {
  return sum;
}
#endif

}  // namespace
}  // namespace ortolan::kernels
