// Vectors of bytes beside those of simd/vec.h, for the ISA units of this family; see simd/vec.h for the
// rules.
#pragma once

#include <string.h>

#include "simd/vec.h"

#if defined(__clang__)
#define ORTOLAN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define ORTOLAN_UNROLL _Pragma("GCC unroll 32")
#endif
#define ORTOLAN_INLINE inline __attribute__((always_inline))

#if defined(ORTOLAN_NEON)
#include "kernels/quant/byte_vec_neon.h"
#endif

namespace ortolan::kernels {
namespace {

constexpr int kQuad = 4;

#if defined(__AVX512F__)
constexpr int kBytes = 64;
struct Bytes {
  __m512i v;
};
ORTOLAN_INLINE Bytes LoadQuads(const void* p) {
  return {_mm512_loadu_si512(p)};
}
ORTOLAN_INLINE Bytes SpreadQuad(const uint8_t* p) {
  int32_t quad;
  memcpy(&quad, p, sizeof(quad));
  return {_mm512_set1_epi32(quad)};
}
ORTOLAN_INLINE Bytes Flip(Bytes a) {
  return {_mm512_xor_si512(a.v, _mm512_set1_epi32((int)0x80808080u))};
}
ORTOLAN_INLINE Bytes LoadBytesN(const uint8_t* p, int64_t n) {
  if (n >= 64) return LoadQuads(p);
  return {_mm512_maskz_loadu_epi8((__mmask64{1} << n) - 1, p)};
}
ORTOLAN_INLINE void StoreBytesN(uint8_t* p, Bytes a, int64_t n) {
  if (n >= 64) {
    _mm512_storeu_si512(p, a.v);
  } else {
    _mm512_mask_storeu_epi8(p, (__mmask64{1} << n) - 1, a.v);
  }
}
ORTOLAN_INLINE Bytes LowBytes(Bytes a, Bytes b) {
  return {_mm512_unpacklo_epi8(a.v, b.v)};
}
ORTOLAN_INLINE Bytes HighBytes(Bytes a, Bytes b) {
  return {_mm512_unpackhi_epi8(a.v, b.v)};
}
ORTOLAN_INLINE Bytes LowPairs(Bytes a, Bytes b) {
  return {_mm512_unpacklo_epi16(a.v, b.v)};
}
ORTOLAN_INLINE Bytes HighPairs(Bytes a, Bytes b) {
  return {_mm512_unpackhi_epi16(a.v, b.v)};
}
// Four vectors of numbers plus `zero` as bytes, clamped to their range, in the order that undoes the
// unpacking above. |zero| is at most 255, and what 16 bits cannot hold ends beyond the bytes' range, too.
ORTOLAN_INLINE Bytes JoinBytes(I32 a, I32 b, I32 c, I32 d, int32_t zero, bool is_signed) {
  const __m512i add = _mm512_set1_epi16((int16_t)zero);
  const __m512i low = _mm512_adds_epi16(_mm512_packs_epi32(a.v, b.v), add);
  const __m512i high = _mm512_adds_epi16(_mm512_packs_epi32(c.v, d.v), add);
  return {is_signed ? _mm512_packs_epi16(low, high) : _mm512_packus_epi16(low, high)};
}
// Joined bytes in the order of their vectors.
ORTOLAN_INLINE Bytes InOrder(Bytes a) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return {_mm512_permutexvar_epi32(order, a.v)};
}
// One vector of numbers in the range of a byte.
ORTOLAN_INLINE void StoreLowBytes(uint8_t* p, I32 a, int64_t n) {
  if (n >= kLanes) {
    _mm_storeu_si128((__m128i*)p, _mm512_cvtepi32_epi8(a.v));
  } else {
    _mm512_mask_cvtepi32_storeu_epi8(p, FirstN(n).v, a.v);
  }
}
ORTOLAN_INLINE I32 LoadWidened(const uint8_t* p, int64_t n, bool is_signed) {
  const __m128i bytes =
      n >= kLanes ? _mm_loadu_si128((const __m128i*)p) : _mm_maskz_loadu_epi8(FirstN(n).v, p);
  return {is_signed ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes)};
}
ORTOLAN_INLINE void StoreSumsN(int32_t* p, I32 a, int64_t n) {
  _mm512_mask_storeu_epi32(p, FirstN(n).v, a.v);
}
#if defined(__AVX512VNNI__)
using Left = Bytes;
using Right = Bytes;
ORTOLAN_INLINE Left PrepareLeft(Bytes a) {
  return a;
}
ORTOLAN_INLINE Right PrepareRight(Bytes b) {
  return b;
}
ORTOLAN_INLINE I32 Dot(I32 sum, Left a, Right b) {
  return {_mm512_dpbusd_epi32(sum.v, a.v, b.v)};
}
#else
struct Left {
  __m512i even, odd;
};
using Right = Left;
ORTOLAN_INLINE Left PrepareLeft(Bytes a) {
  return {_mm512_and_si512(a.v, _mm512_set1_epi16(0xff)), _mm512_srli_epi16(a.v, 8)};
}
ORTOLAN_INLINE Right PrepareRight(Bytes b) {
  return {_mm512_srai_epi16(_mm512_slli_epi16(b.v, 8), 8), _mm512_srai_epi16(b.v, 8)};
}
ORTOLAN_INLINE I32 Dot(I32 sum, Left a, Right b) {
  return {_mm512_add_epi32(
      sum.v, _mm512_add_epi32(_mm512_madd_epi16(a.even, b.even), _mm512_madd_epi16(a.odd, b.odd)))};
}
#endif
#elif defined(__AVX2__)
constexpr int kBytes = 32;
struct Bytes {
  __m256i v;
};
ORTOLAN_INLINE Bytes LoadQuads(const void* p) {
  return {_mm256_loadu_si256((const __m256i*)p)};
}
ORTOLAN_INLINE Bytes SpreadQuad(const uint8_t* p) {
  int32_t quad;
  memcpy(&quad, p, sizeof(quad));
  return {_mm256_set1_epi32(quad)};
}
ORTOLAN_INLINE Bytes Flip(Bytes a) {
  return {_mm256_xor_si256(a.v, _mm256_set1_epi32((int)0x80808080u))};
}
ORTOLAN_INLINE Bytes LoadBytesN(const uint8_t* p, int64_t n) {
  if (n >= kBytes) return LoadQuads(p);
  uint8_t part[kBytes] = {0};
  for (int64_t i = 0; i < n; ++i) part[i] = p[i];
  return LoadQuads(part);
}
ORTOLAN_INLINE void StoreBytesN(uint8_t* p, Bytes a, int64_t n) {
  if (n >= kBytes) {
    _mm256_storeu_si256((__m256i*)p, a.v);
    return;
  }
  uint8_t part[kBytes];
  _mm256_storeu_si256((__m256i*)part, a.v);
  for (int64_t i = 0; i < n; ++i) p[i] = part[i];
}
ORTOLAN_INLINE Bytes LowBytes(Bytes a, Bytes b) {
  return {_mm256_unpacklo_epi8(a.v, b.v)};
}
ORTOLAN_INLINE Bytes HighBytes(Bytes a, Bytes b) {
  return {_mm256_unpackhi_epi8(a.v, b.v)};
}
ORTOLAN_INLINE Bytes LowPairs(Bytes a, Bytes b) {
  return {_mm256_unpacklo_epi16(a.v, b.v)};
}
ORTOLAN_INLINE Bytes HighPairs(Bytes a, Bytes b) {
  return {_mm256_unpackhi_epi16(a.v, b.v)};
}
ORTOLAN_INLINE Bytes JoinBytes(I32 a, I32 b, I32 c, I32 d, int32_t zero, bool is_signed) {
  const __m256i add = _mm256_set1_epi16((int16_t)zero);
  const __m256i low = _mm256_adds_epi16(_mm256_packs_epi32(a.v, b.v), add);
  const __m256i high = _mm256_adds_epi16(_mm256_packs_epi32(c.v, d.v), add);
  return {is_signed ? _mm256_packs_epi16(low, high) : _mm256_packus_epi16(low, high)};
}
ORTOLAN_INLINE Bytes InOrder(Bytes a) {
  return {_mm256_permutevar8x32_epi32(a.v, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))};
}
ORTOLAN_INLINE void StoreLowBytes(uint8_t* p, I32 a, int64_t n) {
  const __m256i picked =
      _mm256_shuffle_epi8(a.v, _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                                0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  const int32_t parts[2] = {_mm256_extract_epi32(picked, 0), _mm256_extract_epi32(picked, 4)};
  memcpy(p, parts, n >= kLanes ? 8 : (size_t)n);
}
ORTOLAN_INLINE I32 LoadWidened(const uint8_t* p, int64_t n, bool is_signed) {
  int64_t bytes = 0;
  memcpy(&bytes, p, n >= kLanes ? 8 : (size_t)n);
  const __m128i packed = _mm_cvtsi64_si128(bytes);
  return {is_signed ? _mm256_cvtepi8_epi32(packed) : _mm256_cvtepu8_epi32(packed)};
}
ORTOLAN_INLINE void StoreSumsN(int32_t* p, I32 a, int64_t n) {
  _mm256_maskstore_epi32(p, FirstNInt(n), a.v);
}
struct Left {
  __m256i even, odd;
};
using Right = Left;
ORTOLAN_INLINE Left PrepareLeft(Bytes a) {
  return {_mm256_and_si256(a.v, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(a.v, 8)};
}
ORTOLAN_INLINE Right PrepareRight(Bytes b) {
  return {_mm256_srai_epi16(_mm256_slli_epi16(b.v, 8), 8), _mm256_srai_epi16(b.v, 8)};
}
ORTOLAN_INLINE I32 Dot(I32 sum, Left a, Right b) {
  return {_mm256_add_epi32(
      sum.v, _mm256_add_epi32(_mm256_madd_epi16(a.even, b.even), _mm256_madd_epi16(a.odd, b.odd)))};
}
#elif !defined(ORTOLAN_NEON)  // whose types are in byte_vec_neon.h
constexpr int kBytes = 4;
struct Bytes {
  uint8_t v[4];
};
ORTOLAN_INLINE Bytes LoadQuads(const void* p) {
  Bytes a;
  memcpy(a.v, p, 4);
  return a;
}
ORTOLAN_INLINE Bytes SpreadQuad(const uint8_t* p) {
  return LoadQuads(p);
}
ORTOLAN_INLINE Bytes Flip(Bytes a) {
  for (int i = 0; i < 4; ++i) a.v[i] ^= 0x80;
  return a;
}
ORTOLAN_INLINE int32_t ToRange(int32_t a, int32_t zero, bool is_signed) {
  const int64_t number = (int64_t)a + zero, low = is_signed ? -128 : 0;
  return (int32_t)(number < low ? low : number > low + 255 ? low + 255 : number);
}
ORTOLAN_INLINE Bytes JoinBytes(I32 a, I32 b, I32 c, I32 d, int32_t zero, bool is_signed) {
  return {{(uint8_t)ToRange(a.v, zero, is_signed), (uint8_t)ToRange(b.v, zero, is_signed),
           (uint8_t)ToRange(c.v, zero, is_signed), (uint8_t)ToRange(d.v, zero, is_signed)}};
}
ORTOLAN_INLINE Bytes InOrder(Bytes a) {
  return a;
}
ORTOLAN_INLINE void StoreBytesN(uint8_t* p, Bytes a, int64_t n) {
  for (int64_t i = 0; i < n && i < 4; ++i) p[i] = a.v[i];
}
ORTOLAN_INLINE void StoreLowBytes(uint8_t* p, I32 a, int64_t n) {
  if (n > 0) *p = (uint8_t)a.v;
}
ORTOLAN_INLINE I32 LoadWidened(const uint8_t* p, int64_t n, bool is_signed) {
  return {n <= 0 ? 0 : is_signed ? (int32_t)(int8_t)*p : (int32_t)*p};
}
ORTOLAN_INLINE void StoreSumsN(int32_t* p, I32 a, int64_t n) {
  if (n > 0) *p = a.v;
}
using Left = Bytes;
using Right = Bytes;
ORTOLAN_INLINE Left PrepareLeft(Bytes a) {
  return a;
}
ORTOLAN_INLINE Right PrepareRight(Bytes b) {
  return b;
}
ORTOLAN_INLINE I32 Dot(I32 sum, Left a, Right b) {
  int32_t part = 0;
  for (int i = 0; i < 4; ++i) part += (int32_t)a.v[i] * (int32_t)(int8_t)b.v[i];
  return {(int32_t)((uint32_t)sum.v + (uint32_t)part)};
}
#endif

#if !defined(ORTOLAN_NEON)
// What Dot takes away from each left byte first. The dot products of ARMv8.2 want both sides signed: there
// the left bytes are moved, and who adds the products up adds so many times the right bytes; AddHalfMoved
// adds half of that.
constexpr int kLeftMoved = 0;
ORTOLAN_INLINE I32 AddHalfMoved(I32 sum, Right) {
  return sum;
}
#endif

}  // namespace
}  // namespace ortolan::kernels
