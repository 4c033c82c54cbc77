// The vector types of vec.h on aarch64: four lanes of NEON. vec.h includes it in units compiled as *_neon.cc;
// what each function promises stands there.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace ortolan {
namespace {

inline constexpr int kLanes = 4;

struct F32 {
  float32x4_t v;
};
struct I32 {
  int32x4_t v;
};
struct Mask {
  uint32x4_t v;
};

inline F32 Load(const float* p) {
  return {vld1q_f32(p)};
}
inline void Store(float* p, F32 a) {
  vst1q_f32(p, a.v);
}
inline Mask FirstN(int64_t n) {
  constexpr int32_t kLane[kLanes] = {0, 1, 2, 3};
  const int32_t count = n < kLanes ? static_cast<int32_t>(n) : kLanes;
  return {vcltq_s32(vld1q_s32(kLane), vdupq_n_s32(count))};
}
// There is no masked load: by one and two lanes, so that nothing beyond the first n is touched.
inline F32 LoadN(const float* p, int64_t n) {
  if (n >= kLanes) return Load(p);
  const float32x2_t zero = vdup_n_f32(0.0f);
  if (n <= 0) return {vcombine_f32(zero, zero)};
  if (n == 1) return {vcombine_f32(vld1_lane_f32(p, zero, 0), zero)};
  return {vcombine_f32(vld1_f32(p), n == 2 ? zero : vld1_lane_f32(p + 2, zero, 0))};
}
inline void StoreN(float* p, F32 a, int64_t n) {
  if (n >= kLanes) return Store(p, a);
  if (n == 1) vst1q_lane_f32(p, a.v, 0);
  if (n >= 2) vst1_f32(p, vget_low_f32(a.v));
  if (n == 3) vst1q_lane_f32(p + 2, a.v, 2);
}
inline F32 Set(float x) {
  return {vdupq_n_f32(x)};
}
inline F32 Zero() {
  return {vdupq_n_f32(0.0f)};
}
inline F32 operator+(F32 a, F32 b) {
  return {vaddq_f32(a.v, b.v)};
}
inline F32 operator-(F32 a, F32 b) {
  return {vsubq_f32(a.v, b.v)};
}
inline F32 operator*(F32 a, F32 b) {
  return {vmulq_f32(a.v, b.v)};
}
inline F32 operator/(F32 a, F32 b) {
  return {vdivq_f32(a.v, b.v)};
}
inline F32 Fma(F32 a, F32 b, F32 c) {
  return {vfmaq_f32(c.v, a.v, b.v)};
}
inline F32 Fnma(F32 a, F32 b, F32 c) {
  return {vfmsq_f32(c.v, a.v, b.v)};
}
// NEON's own minimum is NaN where either is; kernels rely on the second operand then.
inline F32 Min(F32 a, F32 b) {
  return {vbslq_f32(vcltq_f32(a.v, b.v), a.v, b.v)};
}
inline F32 Max(F32 a, F32 b) {
  return {vbslq_f32(vcgtq_f32(a.v, b.v), a.v, b.v)};
}
inline F32 Sqrt(F32 a) {
  return {vsqrtq_f32(a.v)};
}
inline F32 Abs(F32 a) {
  return {vabsq_f32(a.v)};
}
inline F32 RoundEven(F32 a) {
  return {vrndnq_f32(a.v)};
}
inline F32 Floor(F32 a) {
  return {vrndmq_f32(a.v)};
}
inline F32 Ceil(F32 a) {
  return {vrndpq_f32(a.v)};
}
inline F32 Trunc(F32 a) {
  return {vrndq_f32(a.v)};
}
inline Mask Less(F32 a, F32 b) {
  return {vcltq_f32(a.v, b.v)};
}
inline Mask LessEqual(F32 a, F32 b) {
  return {vcleq_f32(a.v, b.v)};
}
inline Mask Equal(F32 a, F32 b) {
  return {vceqq_f32(a.v, b.v)};
}
inline Mask IsNan(F32 a) {
  return {vmvnq_u32(vceqq_f32(a.v, a.v))};
}
inline F32 Select(Mask m, F32 yes, F32 no) {
  return {vbslq_f32(m.v, yes.v, no.v)};
}
inline float ReduceAdd(F32 a) {
  return vaddvq_f32(a.v);
}
inline float ReduceMax(F32 a) {
  return vmaxvq_f32(a.v);
}
inline float ReduceMin(F32 a) {
  return vminvq_f32(a.v);
}
// The conversion saturates and makes 0 of NaN; the lowest number stands for all that does not fit, as
// elsewhere.
inline I32 ToInt(F32 a) {
  const uint32x4_t fits = vcltq_f32(a.v, vdupq_n_f32(2147483648.0f));
  return {vbslq_s32(fits, vcvtnq_s32_f32(a.v), vdupq_n_s32(INT32_MIN))};
}
inline F32 ToFloat(I32 a) {
  return {vcvtq_f32_s32(a.v)};
}
inline I32 BitsOf(F32 a) {
  return {vreinterpretq_s32_f32(a.v)};
}
inline F32 FromBits(I32 a) {
  return {vreinterpretq_f32_s32(a.v)};
}
inline I32 Load(const int32_t* p) {
  return {vld1q_s32(p)};
}
inline void Store(int32_t* p, I32 a) {
  vst1q_s32(p, a.v);
}
inline I32 SetInt(int32_t x) {
  return {vdupq_n_s32(x)};
}
inline I32 operator+(I32 a, I32 b) {
  return {vaddq_s32(a.v, b.v)};
}
inline I32 operator-(I32 a, I32 b) {
  return {vsubq_s32(a.v, b.v)};
}
inline I32 operator*(I32 a, I32 b) {
  return {vmulq_s32(a.v, b.v)};
}
inline I32 operator&(I32 a, I32 b) {
  return {vandq_s32(a.v, b.v)};
}
inline I32 operator|(I32 a, I32 b) {
  return {vorrq_s32(a.v, b.v)};
}
inline I32 operator^(I32 a, I32 b) {
  return {veorq_s32(a.v, b.v)};
}
template <int kBits>
inline I32 ShiftLeft(I32 a) {
  return {vshlq_n_s32(a.v, kBits)};
}
template <int kBits>
inline I32 ShiftRight(I32 a) {
  return {vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(a.v), kBits))};
}
template <int kBits>
inline I32 ShiftRightSigned(I32 a) {
  return {vshrq_n_s32(a.v, kBits)};
}
inline bool Any(Mask m) {
  return vmaxvq_u32(m.v) != 0;
}
// The estimate has 8 bits, one step of Newton's makes 16 of them.
inline F32 ReciprocalEstimate(F32 a) {
  const float32x4_t estimate = vrecpeq_f32(a.v);
  return {vmulq_f32(estimate, vrecpsq_f32(a.v, estimate))};
}

}  // namespace
}  // namespace ortolan
