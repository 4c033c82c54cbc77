// Vec: one block of channels of the blocked layout, as the conv and pool bodies see it: a vector register on
// AVX2 (8) and AVX-512 (16), two on NEON (8), eight floats in memory on the scalar level. Included by ISA
// units only, like simd/vec.h.
#pragma once

#include "simd/vec.h"

// Before a loop over a tile: unrolled whole and early, or the tile's array does not become registers.
#if defined(__clang__)
#define ORTOLAN_UNROLL _Pragma("unroll")
#else
#define ORTOLAN_UNROLL _Pragma("GCC unroll 64")
#endif

#define ORTOLAN_INLINE inline __attribute__((always_inline))

// Keeps a vector that several instructions read in a register. GCC 12 else loads it anew in each of them, and
// loads are what bounds kernels of few multiply-adds a value.
#if defined(__AVX2__)
#define ORTOLAN_IN_REGISTER(vec) asm("" : "+v"((vec).v))
#elif defined(ORTOLAN_NEON)
#define ORTOLAN_IN_REGISTER(vec) asm("" : "+w"((vec).low.v), "+w"((vec).high.v))
#else
#define ORTOLAN_IN_REGISTER(vec) static_cast<void>(vec)
#endif

namespace ortolan {
namespace {

#if defined(__AVX2__)

inline constexpr int kBlock = kLanes;
using Vec = F32;
inline Vec LoadBlock(const float* p) {
  return Load(p);
}
inline void StoreBlock(float* p, Vec a) {
  Store(p, a);
}
inline Vec Spread(float x) {
  return Set(x);
}
// NaN where either is NaN. Max alone gives its second operand then.
inline Vec MaxOrNan(Vec a, Vec b) {
  return Select(IsNan(a), a, Max(a, b));
}

// Where each lane comes from; lanes of a negative index stay as they are.
#if defined(__AVX512F__)
struct LaneIndex {
  __m512i at;
  __mmask16 live;
};
inline LaneIndex LoadLaneIndex(const int32_t* at) {
  const __m512i index = _mm512_loadu_si512(at);
  return {index, _mm512_cmpge_epi32_mask(index, _mm512_setzero_si512())};
}
inline Vec TakeLanes(Vec rest, LaneIndex index, Vec from) {
  return {_mm512_mask_permutexvar_ps(rest.v, index.live, index.at, from.v)};
}
#else
struct LaneIndex {
  __m256i at;
};
inline LaneIndex LoadLaneIndex(const int32_t* at) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at))};
}
inline Vec TakeLanes(Vec rest, LaneIndex index, Vec from) {
  return {
      _mm256_blendv_ps(_mm256_permutevar8x32_ps(from.v, index.at), rest.v, _mm256_castsi256_ps(index.at))};
}
#endif

// The first half of a block, where registers of half the width exist: a product of the two costs half of what
// one of blocks does where a wide operation takes both halves of the unit in turn (Zen 4), and never more.
#if defined(__AVX512F__)
inline constexpr bool kHasHalves = true;
struct Half {
  __m256 v;
};
inline Half FirstHalf(Vec a) {
  return {_mm512_castps512_ps256(a.v)};
}
inline Half LoadHalf(const float* p) {
  return {_mm256_loadu_ps(p)};
}
inline Half Fma(Half a, Half b, Half c) {
  return {_mm256_fmadd_ps(a.v, b.v, c.v)};
}
inline Vec WithZeros(Half a) {
  return {_mm512_insertf32x8(_mm512_setzero_ps(), a.v, 0)};
}
#endif

#elif defined(ORTOLAN_NEON)

inline constexpr int kBlock = 2 * kLanes;
struct Vec {
  F32 low, high;
};
inline Vec LoadBlock(const float* p) {
  return {Load(p), Load(p + kLanes)};
}
inline void StoreBlock(float* p, Vec a) {
  Store(p, a.low);
  Store(p + kLanes, a.high);
}
inline Vec Spread(float x) {
  return {Set(x), Set(x)};
}
inline Vec Fma(Vec a, Vec b, Vec c) {
  return {Fma(a.low, b.low, c.low), Fma(a.high, b.high, c.high)};
}
inline Vec operator+(Vec a, Vec b) {
  return {a.low + b.low, a.high + b.high};
}
inline Vec operator-(Vec a, Vec b) {
  return {a.low - b.low, a.high - b.high};
}
inline Vec operator*(Vec a, Vec b) {
  return {a.low * b.low, a.high * b.high};
}
inline Vec Min(Vec a, Vec b) {
  return {Min(a.low, b.low), Min(a.high, b.high)};
}
inline Vec Max(Vec a, Vec b) {
  return {Max(a.low, b.low), Max(a.high, b.high)};
}
// The instruction's own rule.
inline Vec MaxOrNan(Vec a, Vec b) {
  return {{vmaxq_f32(a.low.v, b.low.v)}, {vmaxq_f32(a.high.v, b.high.v)}};
}

// Of each byte of the two registers; what is not there stays as it is.
struct LaneIndex {
  uint8x16_t low, high;
};
inline uint8x16_t BytesOfLanes(const int32_t* at) {
  const int32x4_t lane = vld1q_s32(at);
  const int32x4_t bytes = vmlaq_n_s32(vdupq_n_s32(0x03020100), lane, 0x04040404);
  return vreinterpretq_u8_s32(vorrq_s32(bytes, vshrq_n_s32(lane, 31)));
}
inline LaneIndex LoadLaneIndex(const int32_t* at) {
  return {BytesOfLanes(at), BytesOfLanes(at + kLanes)};
}
inline Vec TakeLanes(Vec rest, LaneIndex index, Vec from) {
  const uint8x16x2_t table = {{vreinterpretq_u8_f32(from.low.v), vreinterpretq_u8_f32(from.high.v)}};
  const uint8x16_t low = vqtbx2q_u8(vreinterpretq_u8_f32(rest.low.v), table, index.low);
  const uint8x16_t high = vqtbx2q_u8(vreinterpretq_u8_f32(rest.high.v), table, index.high);
  return {{vreinterpretq_f32_u8(low)}, {vreinterpretq_f32_u8(high)}};
}

#else

inline constexpr int kBlock = 8;
struct Vec {
  float v[kBlock];
};
#define ORTOLAN_EACH_LANE(expression)                   \
  Vec r;                                                \
  for (int i = 0; i < kBlock; ++i) r.v[i] = expression; \
  return r
inline Vec LoadBlock(const float* p) {
  ORTOLAN_EACH_LANE(p[i]);
}
inline void StoreBlock(float* p, const Vec& a) {
  for (int i = 0; i < kBlock; ++i) p[i] = a.v[i];
}
inline Vec Spread(float x) {
  ORTOLAN_EACH_LANE(x);
}
inline Vec Fma(const Vec& a, const Vec& b, const Vec& c) {
  ORTOLAN_EACH_LANE(a.v[i] * b.v[i] + c.v[i]);
}
inline Vec operator+(const Vec& a, const Vec& b) {
  ORTOLAN_EACH_LANE(a.v[i] + b.v[i]);
}
inline Vec operator-(const Vec& a, const Vec& b) {
  ORTOLAN_EACH_LANE(a.v[i] - b.v[i]);
}
inline Vec operator*(const Vec& a, const Vec& b) {
  ORTOLAN_EACH_LANE(a.v[i] * b.v[i]);
}
inline Vec Min(const Vec& a, const Vec& b) {
  ORTOLAN_EACH_LANE(a.v[i] < b.v[i] ? a.v[i] : b.v[i]);
}
inline Vec Max(const Vec& a, const Vec& b) {
  ORTOLAN_EACH_LANE(a.v[i] > b.v[i] ? a.v[i] : b.v[i]);
}
inline Vec MaxOrNan(const Vec& a, const Vec& b) {
  ORTOLAN_EACH_LANE(a.v[i] != a.v[i] || a.v[i] > b.v[i] ? a.v[i] : b.v[i]);
}
struct LaneIndex {
  int32_t at[kBlock];
};
inline LaneIndex LoadLaneIndex(const int32_t* at) {
  LaneIndex index;
  for (int i = 0; i < kBlock; ++i) index.at[i] = at[i];
  return index;
}
inline Vec TakeLanes(const Vec& rest, const LaneIndex& index, const Vec& from) {
  ORTOLAN_EACH_LANE(index.at[i] < 0 ? rest.v[i] : from.v[index.at[i]]);
}
#undef ORTOLAN_EACH_LANE

#endif

// Elsewhere a half is a whole block.
#if !defined(__AVX512F__)
inline constexpr bool kHasHalves = false;
using Half = Vec;
inline Half FirstHalf(const Vec& a) {
  return a;
}
inline Half LoadHalf(const float* p) {
  return LoadBlock(p);
}
inline Vec WithZeros(const Half& a) {
  return a;
}
#endif

// Into [lower, upper]; NaN stays NaN (Min and Max give their second operand then).
inline Vec Clamp(const Vec& x, const Vec& lower, const Vec& upper) {
  return Min(upper, Max(lower, x));
}

}  // namespace
}  // namespace ortolan
