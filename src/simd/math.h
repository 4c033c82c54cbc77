// Elementary functions over the vectors of vec.h, written once for every ISA. Include it as vec.h: from ISA
// units only.
//
// Errors are the largest seen against double over the samples of math_test.cc at any level, rounded up,
// relative unless stated; the test's limits are a little wider. Where a comment says "within", it is the
// test's limit itself. Coefficients are minimax fits of ours. NaN gives NaN everywhere; subnormal arguments
// and results are kept where a comment does not say otherwise.
#pragma once

#include <math.h>

#include "simd/vec.h"

namespace ortolan {
namespace {

// c0 + x*(c1 + x*(c2 + ...))
template <int kCount>
inline F32 Polynomial(F32 x, const float (&c)[kCount]) {
  F32 sum = Set(c[kCount - 1]);
  for (int i = kCount - 2; i >= 0; --i) sum = Fma(sum, x, Set(c[i]));
  return sum;
}

// 1 / a, one Newton step: about 2e-7 by its derivation. For normal a below 2^126 in size.
inline F32 FastReciprocal(F32 a) {
  const F32 estimate = ReciprocalEstimate(a);
  return estimate * Fnma(a, estimate, Set(2.0f));
}

// x = n * ln 2 + r with |r| <= ln(2) / 2. The upper part of ln 2 has 15 bits, so that n * kLn2High is exact
// for |n| < 512 even where Fma rounds twice.
struct ExpParts {
  F32 n, r, square_term;  // e^r = 1 + r + square_term
};
inline ExpParts SplitExp(F32 x) {
  constexpr float kLn2High = 0.693145752f;
  constexpr float kLn2Low = 1.42860677e-06f;
  constexpr float kSeries[] = {0.5f, 0.16666542f, 0.0416662805f, 0.00836664438f, 0.00139465544f};  // 1.3e-8
  const F32 n = RoundEven(x * Set(1.44269504f));
  const F32 r = Fnma(n, Set(kLn2Low), Fnma(n, Set(kLn2High), x));
  return {n, r, r * r * Polynomial(r, kSeries)};
}

// e^x: 1e-7. Infinite from 88.73, subnormal below -87.3, zero below -104.
inline F32 Exp(F32 x) {
  // e^89 overflows and e^-105 rounds to zero: the limits only keep n small.
  const ExpParts parts = SplitExp(Max(Set(-105.0f), Min(Set(89.0f), x)));
  return Scale(Set(1.0f) + (parts.r + parts.square_term), parts.n);
}

// e^x - 1: 1e-7, exact in the limit of small x.
inline F32 Expm1(F32 x) {
  const ExpParts parts = SplitExp(Max(Set(-40.0f), Min(Set(89.0f), x)));
  // 2^n - 1 + 2^n * (e^r - 1). At n = 128 the power itself would overflow: halve, then double.
  const F32 half_power = Scale(Set(0.5f), parts.n);
  const F32 half = Fma(half_power, parts.r + parts.square_term, half_power - Set(0.5f));
  const F32 result = half + half;
  return Select(Less(Abs(x), Set(1e-15f)), x, result);  // keeps subnormals and the sign of zero
}

// ln x: 8e-8. -inf at zero, NaN below.
inline F32 Log(F32 x) {
  constexpr float kSeries[] = {0.333333135f,  -0.250000089f, 0.200021192f,  -0.166679963f, 0.142195523f,
                               -0.124055892f, 0.11888162f,   -0.116756521f, 0.067466408f};  // 7.5e-10
  const Mask subnormal = Less(x, Set(1.17549435e-38f));
  const F32 scaled = Select(subnormal, x * Set(0x1p25f), x);
  // x = 2^k * m with m in [sqrt(1/2), sqrt(2)): 0x3f3504f3 is sqrt(1/2).
  const I32 k = ShiftRightSigned<23>(BitsOf(scaled) - SetInt(0x3f3504f3));
  const F32 f = FromBits(BitsOf(scaled) - ShiftLeft<23>(k)) - Set(1.0f);
  const F32 n = ToFloat(k) - Select(subnormal, Set(25.0f), Zero());
  const F32 square = f * f;
  F32 small = Fma(n, Set(1.42860677e-06f), square * f * Polynomial(f, kSeries));
  small = Fnma(Set(0.5f), square, small);
  F32 result = Fma(n, Set(0.693145752f), f + small);
  result = Select(Equal(x, Set(HUGE_VALF)), x, result);
  result = Select(Equal(x, Zero()), Set(-HUGE_VALF), result);
  return Select(LessEqual(Zero(), x), result, Set(NAN));
}

// ln(1 + x): 1.3e-7.
inline F32 Log1p(F32 x) {
  const F32 sum = Set(1.0f) + x;
  const F32 lost = (x - (sum - Set(1.0f))) / sum;  // what the rounding of 1 + x took away, to first order
  // Where sum is 0 or infinite `lost` is no number; where x is tiny the answer is x itself.
  const F32 result = Log(sum) + Select(LessEqual(Abs(lost), Set(1.0f)), lost, Zero());
  return Select(Less(Abs(x), Set(1e-15f)), x, result);
}

// tanh x: 2.8e-7.
inline F32 Tanh(F32 x) {
  constexpr float kAbove[] = {1.0f, 0.133826882f, 0.00349745783f, 2.06358254e-05f,
                              1.33842954e-08f};  // 2.2e-8
  constexpr float kBelow[] = {1.0f, 0.467160076f, 0.0258843619f, 0.000328851776f, 7.79025072e-07f};
  const F32 limit = Set(9.6f);  // there the quotient is just above 1, and is cut to 1 below
  const F32 t = Max(Zero() - limit, Min(limit, x));
  const F32 square = t * t;
  const F32 result = t * Polynomial(square, kAbove) * FastReciprocal(Polynomial(square, kBelow));
  return Max(Set(-1.0f), Min(Set(1.0f), result));
}

// The error function: 2.8e-7.
inline F32 Erf(F32 x) {
  constexpr float kAbove[] = {1.12837923f,    0.190246105f,   0.0527192205f,
                              0.00375629961f, 0.00028424093f, 2.04569392e-06f};  // 2e-8
  constexpr float kBelow[] = {1.0f,          0.501934171f,   0.114035122f,
                              0.0149511835f, 0.00115945667f, 3.80126075e-05f};
  const F32 limit = Set(4.2f);  // there the quotient is just above 1, and is cut to 1 below
  const F32 t = Max(Zero() - limit, Min(limit, x));
  const F32 square = t * t;
  const F32 result = t * Polynomial(square, kAbove) * FastReciprocal(Polynomial(square, kBelow));
  return Max(Set(-1.0f), Min(Set(1.0f), result));
}

// 2^y for y in [-126, 126]: about 2e-7 by its derivation. A table of 2^(k/32) in two registers (2^(k/8) in
// one on AVX2) leaves so small a rest that few terms do. Adding kShift moves the steps n * 32 + k into the
// lowest bits of the fraction; shifted up they add n to the exponent, and the table holds 2^(k/32) less the k
// that comes along.
inline F32 FastExp2(F32 y) {
#if defined(__AVX512F__)
  constexpr float kShift = 0x1.8p18f;  // one step of 1/32 is the last bit
  const __m512i low = _mm512_setr_epi32(
      0x3f800000, 0x3f7ecd87, 0x3f7daac3, 0x3f7c980f, 0x3f7b95c2, 0x3f7aa43a, 0x3f79c3d3, 0x3f78f4f0,
      0x3f7837f0, 0x3f778d3a, 0x3f76f532, 0x3f767043, 0x3f75fed7, 0x3f75a15b, 0x3f75583f, 0x3f7523f6);
  const __m512i high = _mm512_setr_epi32(
      0x3f7504f3, 0x3f74fbaf, 0x3f7508a4, 0x3f752c4d, 0x3f75672a, 0x3f75b9be, 0x3f76248c, 0x3f76a81e,
      0x3f7744fd, 0x3f77fbb8, 0x3f78ccdf, 0x3f79b907, 0x3f7ac0c7, 0x3f7be4ba, 0x3f7d257d, 0x3f7e83b3);
  const F32 steps = y + Set(kShift);
  const F32 t = y - (steps - Set(kShift));
  const I32 root = {_mm512_permutex2var_epi32(low, BitsOf(steps).v, high)};
  const F32 power = FromBits(root + ShiftLeft<18>(BitsOf(steps)));
  const F32 rest = t * Fma(t, Set(0.240228716f), Set(0.693157315f));
  return Fma(power, rest, power);
#elif defined(__AVX2__)
  constexpr float kShift = 0x1.8p20f;  // one step of 1/8 is the last bit
  const __m256i table = _mm256_setr_epi32(0x3f800000, 0x3f7b95c2, 0x3f7837f0, 0x3f75fed7, 0x3f7504f3,
                                          0x3f75672a, 0x3f7744fd, 0x3f7ac0c7);
  const F32 steps = y + Set(kShift);
  const F32 t = y - (steps - Set(kShift));
  const I32 root = {_mm256_permutevar8x32_epi32(table, BitsOf(steps).v)};
  const F32 power = FromBits(root + ShiftLeft<20>(BitsOf(steps)));
  const F32 rest = t * Fma(t, Fma(t, Set(0.0555114746f), Set(0.240257636f)), Set(0.693147182f));
  return Fma(power, rest, power);
#elif defined(ORTOLAN_NEON)
  constexpr float kSeries[] = {1.0f,           0.693147182f,   0.240226477f,  0.0555033237f,
                               0.00961843692f, 0.00133988739f, 0.00015353362f};
  const F32 n = RoundEven(y);
  const I32 power = {vcvtq_s32_f32(n.v)};  // whole and in the exponent's range: one multiplication does
  return Polynomial(y - n, kSeries) * FromBits(ShiftLeft<23>(power + SetInt(127)));
#else
  constexpr float kSeries[] = {1.0f,           0.693147182f,   0.240226477f,  0.0555033237f,
                               0.00961843692f, 0.00133988739f, 0.00015353362f};
  const F32 n = RoundEven(y);
  return Scale(Polynomial(y - n, kSeries), n);
#endif
}

// 1 / (1 + e^-x): within 6e-7, and 7e-8 * |x| below zero (the rounding of x * log2 e is not made good). Below
// -87 it stays at 1.2e-38 instead of going on to zero.
inline F32 Sigmoid(F32 x) {
  const F32 y = Max(Set(-125.0f), Min(Set(125.9f), x * Set(-1.44269504f)));
  return FastReciprocal(Set(1.0f) + FastExp2(y));
}

// x * sigmoid(x): the same errors. Zero below -87, where the true value is smaller than 2e-36: the sigmoid
// that stays at 1.2e-38 would make numbers again of huge ones.
inline F32 Silu(F32 x) {
  const F32 least = Set(-87.0f);
#if defined(__AVX512F__)
  // The smaller size with the sign of the first: one instruction in place of two. It loses NaN, which x
  // brings back.
  const F32 y = {_mm512_range_ps((x * Set(-1.44269504f)).v, Set(125.9f).v, 2)};
  const F32 gate = FastReciprocal(Set(1.0f) + FastExp2(y));
  return {_mm512_maskz_mul_ps(_mm512_cmp_ps_mask(x.v, least.v, _CMP_NLT_UQ), x.v, gate.v)};
#else
  return Select(Less(x, least), Zero(), x * Sigmoid(x));
#endif
}

// x * (1 + erf(x / sqrt 2)) / 2: within 3e-7 * max(1, |x|) absolute.
inline F32 Gelu(F32 x) {
  const F32 half = x * Set(0.5f);
#if defined(__AVX512F__)
  // erf(|x| / sqrt 2) / 2 from polynomials around the multiples of 23/64, whose coefficients are picked from
  // a register each: 8.5e-8. The last one is 1/2, from where |x| is cut on. Half the multiplications of Erf's
  // quotient, which is what counts where they are the narrow pass.
  const __m512 c0 = _mm512_setr_ps(0.0f, 0.14034271f, 0.2638525f, 0.35951102f, 0.424712f, 0.46382228f,
                                   0.48446792f, 0.49405894f, 0.49797985f, 0.49939045f, 0.499837f, 0.49996144f,
                                   0.49999192f, 0.4999985f, 0.49999976f, 0.5f);
  const __m512 c1 =
      _mm512_setr_ps(0.39894155f, 0.3739924f, 0.30812806f, 0.22310601f, 0.14197166f, 0.0793964f, 0.03902173f,
                     0.016854515f, 0.0063977446f, 0.0021341986f, 0.00062565634f, 0.00016118523f,
                     3.6492016e-05f, 7.2601847e-06f, 1.2693116e-06f, 2.8002617e-06f);
  const __m512 c2 =
      _mm512_setr_ps(3.9174454e-05f, -0.067200676f, -0.110731766f, -0.12026631f, -0.10204095f, -0.07133234f,
                     -0.0420706f, -0.021200392f, -0.009197289f, -0.0034517536f, -0.0011244124f,
                     -0.0003186727f, -7.8714555e-05f, -1.6967988e-05f, -3.1953325e-06f, 5.165802e-05f);
  const __m512 c3 =
      _mm512_setr_ps(-0.06714611f, -0.05400116f, -0.024807084f, 0.0058412636f, 0.024988897f, 0.029333452f,
                     0.023690846f, 0.014996482f, 0.0077942978f, 0.0034014264f, 0.0012622313f, 0.00040147157f,
                     0.000110033325f, 2.6084752e-05f, 5.363516e-06f, 0.00038808535f);
  const __m512 c4 =
      _mm512_setr_ps(0.004343603f, 0.015953746f, 0.022766387f, 0.018341005f, 0.007957566f, -0.0012942728f,
                     -0.0057267724f, -0.005856607f, -0.0040365267f, -0.002155405f, -0.0009370837f,
                     -0.00033980518f, -0.0001042027f, -2.726021e-05f, -6.1202677e-06f, 0.00095613656f);
  const F32 size = Abs(x);
  const F32 cut = Min(Set(15 * 0.359375f), size);  // in this order NaN stays NaN
  const F32 steps =
      Fma(cut, Set(1 / 0.359375f), Set(0x1.8p23f));  // the nearest multiple is in its lowest bits
  const F32 r = Fnma(steps - Set(0x1.8p23f), Set(0.359375f), cut);
  const __m512i index = BitsOf(steps).v;
  const auto pick = [index](__m512 c) { return F32{_mm512_permutexvar_ps(index, c)}; };
  const F32 gate = Fma(Fma(Fma(Fma(pick(c4), r, pick(c3)), r, pick(c2)), r, pick(c1)), r, pick(c0));
  return Fma(size, gate, half);
#else
  return Fma(half, Erf(x * Set(0.707106781f)), half);
#endif
}

// The tanh form of GELU, x * sigmoid(2 * sqrt(2 / pi) * (x + 0.044715 x^3)).
inline F32 GeluTanh(F32 x) {
  const F32 inner = x * Fma(x * x, Set(0.0713548163f), Set(1.59576912f));
  return x * Sigmoid(inner);
}

// ln(1 + e^x): 1.6e-7.
inline F32 Softplus(F32 x) {
  return Max(Zero(), x) + Log1p(Exp(Zero() - Abs(x)));
}

// The slow way for what is out of a fast form's range: lane by lane through the C library.
template <typename Function>
inline F32 ByLane(F32 x, Function function) {
  alignas(64) float lanes[kLanes];
  Store(lanes, x);
  for (int i = 0; i < kLanes; ++i) lanes[i] = function(lanes[i]);
  return Load(lanes);
}

// sin(x + quarter_turns * pi / 2): within 1.3e-7 absolute. |x| above 8192 goes through the C library, where n
// times the first two parts of pi / 2 would no longer be exact.
inline F32 SinShifted(F32 x, int32_t quarter_turns) {
  constexpr float kSin[] = {-0.166666552f, 0.0083321603f, -0.000195152839f};   // 3.8e-9
  constexpr float kCos[] = {0.0416666456f, -0.00138873677f, 2.44384519e-05f};  // 1e-10
  if (Any(Less(Set(8192.0f), Abs(x)))) {
    return quarter_turns == 0
               ? ByLane(x, [](float v) { return static_cast<float>(::sin(static_cast<double>(v))); })
               : ByLane(x, [](float v) { return static_cast<float>(::cos(static_cast<double>(v))); });
  }
  const F32 n = RoundEven(x * Set(0.636619772f));
  const F32 r = Fnma(n, Set(7.54979013e-08f), Fnma(n, Set(4.83751297e-04f), Fnma(n, Set(1.5703125f), x)));
  const F32 square = r * r;
  const F32 sine = Fma(r * square, Polynomial(square, kSin), r);
  const F32 cosine = Fma(square * square, Polynomial(square, kCos), Fnma(Set(0.5f), square, Set(1.0f)));
  const I32 quarter = ToInt(n) + SetInt(quarter_turns);
  // Odd quarters take the cosine; the second and third are negative: bit 1 moves to the sign.
  const Mask odd = Equal(ToFloat(quarter & SetInt(1)), Set(1.0f));
  const I32 sign = ShiftLeft<30>(quarter & SetInt(2));
  return FromBits(BitsOf(Select(odd, cosine, sine)) ^ sign);
}
inline F32 Sin(F32 x) {
  return SinShifted(x, 0);
}
inline F32 Cos(F32 x) {
  return SinShifted(x, 1);
}

}  // namespace
}  // namespace ortolan
