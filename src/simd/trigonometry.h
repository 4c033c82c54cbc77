// The inverse and hyperbolic functions over the vectors of vec.h, written once for every ISA. Include it as
// vec.h: from ISA units only. Errors and coefficients are told as in simd/math.h.
#pragma once

#include "simd/math.h"

namespace ortolan {
namespace {

// |a| with the sign of x.
inline F32 WithSign(F32 a, F32 x) {
  return FromBits(BitsOf(a) | (BitsOf(x) & SetInt(INT32_MIN)));
}

// pi / 2 is kQuarter + kQuarterLow.
inline constexpr float kQuarter = 1.57079637f;
inline constexpr float kQuarterLow = -4.37113883e-08f;

// (asin(x) - x) / x^3 of z = x^2 in [0, 1/4].
inline F32 AsinSeries(F32 z) {
  constexpr float kSeries[] = {0.166667521f, 0.0749530941f, 0.0454691499f, 0.0241847783f,
                               0.0421583056f};  // 4.9e-9
  return Polynomial(z, kSeries);
}

// asin x: 2.1e-7. NaN outside [-1, 1].
inline F32 Asin(F32 x) {
  const F32 a = Abs(x);
  const Mask wide = Less(Set(0.5f), a);
  // asin(a) = pi / 2 - 2 asin(sqrt((1 - a) / 2)) keeps the series short.
  const F32 z = Select(wide, Fnma(a, Set(0.5f), Set(0.5f)), a * a);
  const F32 root = Select(wide, Sqrt(z), a);
  const F32 near = Fma(root * z, AsinSeries(z), root);
  const F32 far = Set(kQuarter) - (Fma(Set(2.0f), near, Set(-kQuarterLow)));
  return WithSign(Select(wide, far, near), x);
}

// acos x: 1.2e-7. NaN outside [-1, 1].
inline F32 Acos(F32 x) {
  const F32 a = Abs(x);
  const Mask wide = Less(Set(0.5f), a);
  const F32 z = Select(wide, Fnma(a, Set(0.5f), Set(0.5f)), a * a);
  const F32 root = Select(wide, Sqrt(z), a);
  const F32 near = Fma(root * z, AsinSeries(z), root);
  const Mask negative = Less(x, Zero());
  const F32 signed_near = Select(negative, Zero() - near, near);
  const F32 middle = Set(kQuarter) - (signed_near - Set(kQuarterLow));
  const F32 twice = near + near;
  const F32 far = Select(negative, Set(2 * kQuarter) - (twice - Set(2 * kQuarterLow)), twice);
  return Select(wide, far, middle);
}

// atan x: 1.1e-7.
inline F32 Atan(F32 x) {
  constexpr float kSeries[] = {-0.333333164f, 0.199985281f, -0.14244391f, 0.105991684f,
                               -0.0609005205f};  // 7e-10
  const F32 a = Abs(x);
  // Around tan(0), tan(pi / 4) and infinity; the borders are tan(pi / 8) and tan(3 pi / 8).
  const Mask middle = Less(Set(0.414213562f), a);
  const Mask high = Less(Set(2.41421356f), a);
  const F32 above = Select(high, Set(-1.0f), a - Set(1.0f));
  const F32 below = Select(high, a, a + Set(1.0f));
  const F32 t = Select(middle, above / below, a);
  const F32 base = Select(high, Set(kQuarter), Select(middle, Set(kQuarter / 2), Zero()));
  const F32 low = Select(high, Set(kQuarterLow), Select(middle, Set(kQuarterLow / 2), Zero()));
  const F32 z = t * t;
  const F32 rest = Fma(t * z, Polynomial(z, kSeries), low);
  return Select(IsNan(x), x, WithSign(base + (t + rest), x));
}

// tan x: 2.1e-7. |x| above 8192 goes through the C library, as in Sin.
inline F32 Tan(F32 x) {
  if (Any(Less(Set(8192.0f), Abs(x)))) {
    return ByLane(x, [](float v) { return static_cast<float>(::tan(static_cast<double>(v))); });
  }
  const F32 n = RoundEven(x * Set(0.636619772f));
  const F32 r = Fnma(n, Set(7.54979013e-08f), Fnma(n, Set(4.83751297e-04f), Fnma(n, Set(1.5703125f), x)));
  constexpr float kSin[] = {-0.166666552f, 0.0083321603f, -0.000195152839f};
  constexpr float kCos[] = {0.0416666456f, -0.00138873677f, 2.44384519e-05f};
  const F32 square = r * r;
  const F32 sine = Fma(r * square, Polynomial(square, kSin), r);
  const F32 cosine = Fma(square * square, Polynomial(square, kCos), Fnma(Set(0.5f), square, Set(1.0f)));
  const Mask odd = Equal(ToFloat(ToInt(n) & SetInt(1)), Set(1.0f));
  return Select(odd, Zero() - cosine, sine) / Select(odd, sine, cosine);
}

// e^88 is the last power of whole numbers that floats hold.
inline constexpr float kMostExponent = 88.0f;

// sinh x: 1.4e-7.
inline F32 Sinh(F32 x) {
  const F32 a = Abs(x);
  if (Any(Less(Set(kMostExponent), a))) return ByLane(x, [](float v) { return ::sinhf(v); });
  const F32 e = Expm1(a);
  return Select(IsNan(x), x, WithSign((e + e / (e + Set(1.0f))) * Set(0.5f), x));
}

// cosh x: 1.3e-7.
inline F32 Cosh(F32 x) {
  const F32 a = Abs(x);
  if (Any(Less(Set(kMostExponent), a))) return ByLane(x, [](float v) { return ::coshf(v); });
  const F32 e = Exp(a);
  return Fma(e, Set(0.5f), Set(0.5f) / e);
}

// Above this the squares of asinh and acosh would leave the range, and ln(2x) is their value.
inline constexpr float kLogAlone = 1e15f;

// asinh x: 1.4e-7.
inline F32 Asinh(F32 x) {
  const F32 a = Abs(x);
  const Mask large = Less(Set(kLogAlone), a);
  const F32 b = Select(large, Set(1.0f), a);
  const F32 square = b * b;
  const F32 near = Log1p(b + square / (Set(1.0f) + Sqrt(square + Set(1.0f))));
  const F32 far = Log(a) + Set(0.693147182f);
  return Select(IsNan(x), x, WithSign(Select(large, far, near), x));
}

// acosh x: 1.7e-7. NaN below 1.
inline F32 Acosh(F32 x) {
  const Mask large = Less(Set(kLogAlone), x);
  const F32 t = Select(large, Set(1.0f), x - Set(1.0f));
  const F32 near = Log1p(t + Sqrt(Fma(t, t, t + t)));
  return Select(large, Log(x) + Set(0.693147182f), near);
}

// atanh x: 1.7e-7. Infinite at 1 and -1, NaN beyond.
inline F32 Atanh(F32 x) {
  const F32 a = Abs(x);
  const F32 half = Log1p((a + a) / (Set(1.0f) - a)) * Set(0.5f);
  return Select(Less(a, Set(1e-15f)), x, WithSign(half, x));
}

}  // namespace
}  // namespace ortolan
