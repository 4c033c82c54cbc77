// Thin vector types: the widest float and int32 vector of the ISA that this unit is compiled for, under one
// set of names. Include it only from ISA units (*_neon.cc, *_avx2.cc, *_avx512.cc) and from *_scalar.cc; a
// kernel body is written once over these names and compiled once per unit.
//
// Everything lives in an anonymous namespace: a function compiled for AVX-512 that the linker chose for
// everyone would crash older machines. The scalar form has the same interface with one lane; its Fma rounds
// twice (a software FMA would be unbearably slow where the instruction is missing).
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(ORTOLAN_NEON)
#include "simd/vec_neon.h"
#endif

namespace ortolan {
namespace {

#if defined(__AVX512F__)

inline constexpr int kLanes = 16;

struct F32 {
  __m512 v;
};
struct I32 {
  __m512i v;
};
struct Mask {
  __mmask16 v;
};

inline F32 Load(const float* p) {
  return {_mm512_loadu_ps(p)};
}
inline void Store(float* p, F32 a) {
  _mm512_storeu_ps(p, a.v);
}
inline Mask FirstN(int64_t n) {
  return {static_cast<__mmask16>(n >= 16 ? 0xffffu : (1u << n) - 1u)};
}
// The first n lanes (0 <= n <= kLanes), zero in the others; nothing beyond them is touched.
inline F32 LoadN(const float* p, int64_t n) {
  return {_mm512_maskz_loadu_ps(FirstN(n).v, p)};
}
inline void StoreN(float* p, F32 a, int64_t n) {
  _mm512_mask_storeu_ps(p, FirstN(n).v, a.v);
}
inline F32 Set(float x) {
  return {_mm512_set1_ps(x)};
}
inline F32 Zero() {
  return {_mm512_setzero_ps()};
}
inline F32 operator+(F32 a, F32 b) {
  return {_mm512_add_ps(a.v, b.v)};
}
inline F32 operator-(F32 a, F32 b) {
  return {_mm512_sub_ps(a.v, b.v)};
}
inline F32 operator*(F32 a, F32 b) {
  return {_mm512_mul_ps(a.v, b.v)};
}
inline F32 operator/(F32 a, F32 b) {
  return {_mm512_div_ps(a.v, b.v)};
}
inline F32 Fma(F32 a, F32 b, F32 c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}  // a * b + c
inline F32 Fnma(F32 a, F32 b, F32 c) {
  return {_mm512_fnmadd_ps(a.v, b.v, c.v)};
}  // c - a * b
// As the instruction: the second operand where either is NaN.
inline F32 Min(F32 a, F32 b) {
  return {_mm512_min_ps(a.v, b.v)};
}
inline F32 Max(F32 a, F32 b) {
  return {_mm512_max_ps(a.v, b.v)};
}
inline F32 Sqrt(F32 a) {
  return {_mm512_sqrt_ps(a.v)};
}
inline F32 Abs(F32 a) {
  return {_mm512_abs_ps(a.v)};
}
inline F32 RoundEven(F32 a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
inline F32 Floor(F32 a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)};
}
inline F32 Ceil(F32 a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC)};
}
inline F32 Trunc(F32 a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC)};
}
inline Mask Less(F32 a, F32 b) {
  return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)};
}
inline Mask LessEqual(F32 a, F32 b) {
  return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)};
}
inline Mask Equal(F32 a, F32 b) {
  return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)};
}
inline Mask IsNan(F32 a) {
  return {_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q)};
}
inline F32 Select(Mask m, F32 yes, F32 no) {
  return {_mm512_mask_blend_ps(m.v, no.v, yes.v)};
}
inline float ReduceAdd(F32 a) {
  return _mm512_reduce_add_ps(a.v);
}
inline float ReduceMax(F32 a) {
  return _mm512_reduce_max_ps(a.v);
}
inline float ReduceMin(F32 a) {
  return _mm512_reduce_min_ps(a.v);
}
inline I32 ToInt(F32 a) {
  return {_mm512_cvtps_epi32(a.v)};
}  // to nearest even
inline F32 ToFloat(I32 a) {
  return {_mm512_cvtepi32_ps(a.v)};
}
inline I32 BitsOf(F32 a) {
  return {_mm512_castps_si512(a.v)};
}
inline F32 FromBits(I32 a) {
  return {_mm512_castsi512_ps(a.v)};
}
inline I32 Load(const int32_t* p) {
  return {_mm512_loadu_si512(p)};
}
inline void Store(int32_t* p, I32 a) {
  _mm512_storeu_si512(p, a.v);
}
inline I32 SetInt(int32_t x) {
  return {_mm512_set1_epi32(x)};
}
inline I32 operator+(I32 a, I32 b) {
  return {_mm512_add_epi32(a.v, b.v)};
}
inline I32 operator-(I32 a, I32 b) {
  return {_mm512_sub_epi32(a.v, b.v)};
}
inline I32 operator*(I32 a, I32 b) {
  return {_mm512_mullo_epi32(a.v, b.v)};
}
inline I32 operator&(I32 a, I32 b) {
  return {_mm512_and_si512(a.v, b.v)};
}
inline I32 operator|(I32 a, I32 b) {
  return {_mm512_or_si512(a.v, b.v)};
}
inline I32 operator^(I32 a, I32 b) {
  return {_mm512_xor_si512(a.v, b.v)};
}
template <int kBits>
inline I32 ShiftLeft(I32 a) {
  return {_mm512_slli_epi32(a.v, kBits)};
}
template <int kBits>
inline I32 ShiftRight(I32 a) {
  return {_mm512_srli_epi32(a.v, kBits)};
}  // logical
template <int kBits>
inline I32 ShiftRightSigned(I32 a) {
  return {_mm512_srai_epi32(a.v, kBits)};
}
inline bool Any(Mask m) {
  return m.v != 0;
}
// 1 / a to 12 bits or better; a normal and below 2^126 in size.
inline F32 ReciprocalEstimate(F32 a) {
  return {_mm512_rcp14_ps(a.v)};
}
// a * 2^n for whole n, rounded once; n may be far out of range, or NaN where a is.
inline F32 Scale(F32 a, F32 n) {
  return {_mm512_scalef_ps(a.v, n.v)};
}

#elif defined(__AVX2__)

inline constexpr int kLanes = 8;

struct F32 {
  __m256 v;
};
struct I32 {
  __m256i v;
};
struct Mask {
  __m256 v;
};

inline F32 Load(const float* p) {
  return {_mm256_loadu_ps(p)};
}
inline void Store(float* p, F32 a) {
  _mm256_storeu_ps(p, a.v);
}
inline __m256i FirstNInt(int64_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int32_t>(n)), lane);
}
inline Mask FirstN(int64_t n) {
  return {_mm256_castsi256_ps(FirstNInt(n))};
}
inline F32 LoadN(const float* p, int64_t n) {
  return {_mm256_maskload_ps(p, FirstNInt(n))};
}
inline void StoreN(float* p, F32 a, int64_t n) {
  _mm256_maskstore_ps(p, FirstNInt(n), a.v);
}
inline F32 Set(float x) {
  return {_mm256_set1_ps(x)};
}
inline F32 Zero() {
  return {_mm256_setzero_ps()};
}
inline F32 operator+(F32 a, F32 b) {
  return {_mm256_add_ps(a.v, b.v)};
}
inline F32 operator-(F32 a, F32 b) {
  return {_mm256_sub_ps(a.v, b.v)};
}
inline F32 operator*(F32 a, F32 b) {
  return {_mm256_mul_ps(a.v, b.v)};
}
inline F32 operator/(F32 a, F32 b) {
  return {_mm256_div_ps(a.v, b.v)};
}
inline F32 Fma(F32 a, F32 b, F32 c) {
  return {_mm256_fmadd_ps(a.v, b.v, c.v)};
}
inline F32 Fnma(F32 a, F32 b, F32 c) {
  return {_mm256_fnmadd_ps(a.v, b.v, c.v)};
}
inline F32 Min(F32 a, F32 b) {
  return {_mm256_min_ps(a.v, b.v)};
}
inline F32 Max(F32 a, F32 b) {
  return {_mm256_max_ps(a.v, b.v)};
}
inline F32 Sqrt(F32 a) {
  return {_mm256_sqrt_ps(a.v)};
}
inline F32 Abs(F32 a) {
  return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)};
}
inline F32 RoundEven(F32 a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
inline F32 Floor(F32 a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)};
}
inline F32 Ceil(F32 a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC)};
}
inline F32 Trunc(F32 a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC)};
}
inline Mask Less(F32 a, F32 b) {
  return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)};
}
inline Mask LessEqual(F32 a, F32 b) {
  return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)};
}
inline Mask Equal(F32 a, F32 b) {
  return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)};
}
inline Mask IsNan(F32 a) {
  return {_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q)};
}
inline F32 Select(Mask m, F32 yes, F32 no) {
  return {_mm256_blendv_ps(no.v, yes.v, m.v)};
}
inline float ReduceAdd(F32 a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
inline float ReduceMax(F32 a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}
inline float ReduceMin(F32 a) {
  __m128 s = _mm_min_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_min_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_min_ss(s, _mm_shuffle_ps(s, s, 1)));
}
inline I32 ToInt(F32 a) {
  return {_mm256_cvtps_epi32(a.v)};
}
inline F32 ToFloat(I32 a) {
  return {_mm256_cvtepi32_ps(a.v)};
}
inline I32 BitsOf(F32 a) {
  return {_mm256_castps_si256(a.v)};
}
inline F32 FromBits(I32 a) {
  return {_mm256_castsi256_ps(a.v)};
}
inline I32 Load(const int32_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
}
inline void Store(int32_t* p, I32 a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.v);
}
inline I32 SetInt(int32_t x) {
  return {_mm256_set1_epi32(x)};
}
inline I32 operator+(I32 a, I32 b) {
  return {_mm256_add_epi32(a.v, b.v)};
}
inline I32 operator-(I32 a, I32 b) {
  return {_mm256_sub_epi32(a.v, b.v)};
}
inline I32 operator*(I32 a, I32 b) {
  return {_mm256_mullo_epi32(a.v, b.v)};
}
inline I32 operator&(I32 a, I32 b) {
  return {_mm256_and_si256(a.v, b.v)};
}
inline I32 operator|(I32 a, I32 b) {
  return {_mm256_or_si256(a.v, b.v)};
}
inline I32 operator^(I32 a, I32 b) {
  return {_mm256_xor_si256(a.v, b.v)};
}
template <int kBits>
inline I32 ShiftLeft(I32 a) {
  return {_mm256_slli_epi32(a.v, kBits)};
}
template <int kBits>
inline I32 ShiftRight(I32 a) {
  return {_mm256_srli_epi32(a.v, kBits)};
}
template <int kBits>
inline I32 ShiftRightSigned(I32 a) {
  return {_mm256_srai_epi32(a.v, kBits)};
}
inline bool Any(Mask m) {
  return _mm256_movemask_ps(m.v) != 0;
}
inline F32 ReciprocalEstimate(F32 a) {
  return {_mm256_rcp_ps(a.v)};
}

#elif !defined(ORTOLAN_NEON)  // whose types are in vec_neon.h

inline constexpr int kLanes = 1;

struct F32 {
  float v;
};
struct I32 {
  int32_t v;
};
struct Mask {
  bool v;
};

inline F32 Load(const float* p) {
  return {*p};
}
inline void Store(float* p, F32 a) {
  *p = a.v;
}
inline Mask FirstN(int64_t n) {
  return {n > 0};
}
inline F32 LoadN(const float* p, int64_t n) {
  return {n > 0 ? *p : 0.0f};
}
inline void StoreN(float* p, F32 a, int64_t n) {
  if (n > 0) *p = a.v;
}
inline F32 Set(float x) {
  return {x};
}
inline F32 Zero() {
  return {0.0f};
}
inline F32 operator+(F32 a, F32 b) {
  return {a.v + b.v};
}
inline F32 operator-(F32 a, F32 b) {
  return {a.v - b.v};
}
inline F32 operator*(F32 a, F32 b) {
  return {a.v * b.v};
}
inline F32 operator/(F32 a, F32 b) {
  return {a.v / b.v};
}
inline F32 Fma(F32 a, F32 b, F32 c) {
  return {a.v * b.v + c.v};
}
inline F32 Fnma(F32 a, F32 b, F32 c) {
  return {c.v - a.v * b.v};
}
inline F32 Min(F32 a, F32 b) {
  return {a.v < b.v ? a.v : b.v};
}
inline F32 Max(F32 a, F32 b) {
  return {a.v > b.v ? a.v : b.v};
}
inline F32 Sqrt(F32 a) {
  return {std::sqrt(a.v)};
}
inline F32 Abs(F32 a) {
  return {std::fabs(a.v)};
}
inline F32 RoundEven(F32 a) {
  return {std::nearbyintf(a.v)};
}
inline F32 Floor(F32 a) {
  return {std::floor(a.v)};
}
inline F32 Ceil(F32 a) {
  return {std::ceil(a.v)};
}
inline F32 Trunc(F32 a) {
  return {std::trunc(a.v)};
}
inline Mask Less(F32 a, F32 b) {
  return {a.v < b.v};
}
inline Mask LessEqual(F32 a, F32 b) {
  return {a.v <= b.v};
}
inline Mask Equal(F32 a, F32 b) {
  return {a.v == b.v};
}
inline Mask IsNan(F32 a) {
  return {a.v != a.v};
}
inline F32 Select(Mask m, F32 yes, F32 no) {
  return m.v ? yes : no;
}
inline float ReduceAdd(F32 a) {
  return a.v;
}
inline float ReduceMax(F32 a) {
  return a.v;
}
inline float ReduceMin(F32 a) {
  return a.v;
}
// Out of range and NaN give the instruction's "integer indefinite", never undefined behaviour.
inline I32 ToInt(F32 a) {
  const float r = std::nearbyintf(a.v);
  return {r >= -2147483648.0f && r < 2147483648.0f ? static_cast<int32_t>(r) : INT32_MIN};
}
inline F32 ToFloat(I32 a) {
  return {static_cast<float>(a.v)};
}
inline I32 BitsOf(F32 a) {
  I32 r;
  std::memcpy(&r.v, &a.v, 4);
  return r;
}
inline F32 FromBits(I32 a) {
  F32 r;
  std::memcpy(&r.v, &a.v, 4);
  return r;
}
inline I32 Load(const int32_t* p) {
  return {*p};
}
inline void Store(int32_t* p, I32 a) {
  *p = a.v;
}
inline I32 SetInt(int32_t x) {
  return {x};
}
inline I32 operator+(I32 a, I32 b) {
  return {static_cast<int32_t>(static_cast<uint32_t>(a.v) + static_cast<uint32_t>(b.v))};
}
inline I32 operator-(I32 a, I32 b) {
  return {static_cast<int32_t>(static_cast<uint32_t>(a.v) - static_cast<uint32_t>(b.v))};
}
inline I32 operator*(I32 a, I32 b) {
  return {static_cast<int32_t>(static_cast<uint32_t>(a.v) * static_cast<uint32_t>(b.v))};
}
inline I32 operator&(I32 a, I32 b) {
  return {a.v & b.v};
}
inline I32 operator|(I32 a, I32 b) {
  return {a.v | b.v};
}
inline I32 operator^(I32 a, I32 b) {
  return {a.v ^ b.v};
}
template <int kBits>
inline I32 ShiftLeft(I32 a) {
  return {static_cast<int32_t>(static_cast<uint32_t>(a.v) << kBits)};
}
template <int kBits>
inline I32 ShiftRight(I32 a) {
  return {static_cast<int32_t>(static_cast<uint32_t>(a.v) >> kBits)};
}
template <int kBits>
inline I32 ShiftRightSigned(I32 a) {
  return {a.v >> kBits};
}
inline bool Any(Mask m) {
  return m.v;
}
inline F32 ReciprocalEstimate(F32 a) {
  return {1.0f / a.v};
}

#endif

#if !defined(__AVX512F__)
// Two steps, so that results in the subnormal range are rounded by the second multiplication alone.
inline F32 Scale(F32 a, F32 n) {
  const I32 whole = ToInt(Max(Set(-252.0f), Min(Set(252.0f), n)));
  const I32 half = ShiftRightSigned<1>(whole);
  const I32 bias = SetInt(127);
  return a * FromBits(ShiftLeft<23>(half + bias)) * FromBits(ShiftLeft<23>(whole - half + bias));
}
#endif

}  // namespace
}  // namespace ortolan
