// Float primitives over simd/vec.h. Included by the ISA units through tile_body.h.
#pragma once

#include "kernels/elementwise/tile_table.h"
#include "simd/math.h"
#include "simd/trigonometry.h"

namespace ortolan::kernels {
namespace {

// One vector of an operand that is a tile, or the same vector again where it is a single element.
template <bool kSingle>
struct F32Operand {
  const float* p;
  F32 single;
  explicit F32Operand(const void* data)
      : p(static_cast<const float*>(data)), single(kSingle ? Set(*p) : Zero()) {}
  F32 At(int64_t i) const { return kSingle ? single : Load(p + i); }
  F32 AtN(int64_t i, int64_t n) const { return kSingle ? single : LoadN(p + i, n); }
};

template <typename Op>
void F32Unary(void* dst, const void* a, const void*, const void*, int64_t n, uint32_t*) {
  float* d = static_cast<float*>(dst);
  const F32Operand<false> x(a);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(d + i, Op::Do(x.At(i)));
  if (i < n) StoreN(d + i, Op::Do(x.AtN(i, n - i)), n - i);
}

template <typename Op, int kMask>
void F32Binary(void* dst, const void* a, const void* b, const void*, int64_t n, uint32_t*) {
  float* d = static_cast<float*>(dst);
  const F32Operand<(kMask & 1) != 0> x(a);
  const F32Operand<(kMask & 2) != 0> y(b);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(d + i, Op::Do(x.At(i), y.At(i)));
  if (i < n) StoreN(d + i, Op::Do(x.AtN(i, n - i), y.AtN(i, n - i)), n - i);
}

template <typename Op, int kMask>
void F32Ternary(void* dst, const void* a, const void* b, const void* c, int64_t n, uint32_t*) {
  float* d = static_cast<float*>(dst);
  const F32Operand<(kMask & 1) != 0> x(a);
  const F32Operand<(kMask & 2) != 0> y(b);
  const F32Operand<(kMask & 4) != 0> z(c);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(d + i, Op::Do(x.At(i), y.At(i), z.At(i)));
  if (i < n) StoreN(d + i, Op::Do(x.AtN(i, n - i), y.AtN(i, n - i), z.AtN(i, n - i)), n - i);
}

template <typename Op>
void F32UnaryPlane(float* plane, int64_t ld, const float*, int64_t, int64_t rows, int64_t n) {
  for (; rows > 0; --rows, plane += ld) {
    int64_t j = 0;
    for (; j + kLanes <= n; j += kLanes) Store(plane + j, Op::Do(Load(plane + j)));
    if (j < n) StoreN(plane + j, Op::Do(LoadN(plane + j, n - j)), n - j);
  }
}

template <typename Op, bool kSingle>
void F32BinaryPlane(float* plane, int64_t ld, const float* b, int64_t b_ld, int64_t rows, int64_t n) {
  for (; rows > 0; --rows, plane += ld, b += b_ld) {
    const F32Operand<kSingle> y(b);
    int64_t j = 0;
    for (; j + kLanes <= n; j += kLanes) Store(plane + j, Op::Do(Load(plane + j), y.At(j)));
    if (j < n) StoreN(plane + j, Op::Do(LoadN(plane + j, n - j), y.AtN(j, n - j)), n - j);
  }
}

template <typename Op>
void SetF32Unary(TileTable* table, TileOp op) {
  table->planes[static_cast<int>(op)][0] = F32UnaryPlane<Op>;
  table->ops[static_cast<int>(op)][static_cast<int>(ComputeType::kF32)].by_mask[0] = F32Unary<Op>;
}
template <typename Op>
void SetF32Binary(TileTable* table, TileOp op) {
  TileEntry& entry = table->ops[static_cast<int>(op)][static_cast<int>(ComputeType::kF32)];
  entry.by_mask[0] = F32Binary<Op, 0>;
  entry.by_mask[1] = F32Binary<Op, 1>;
  entry.by_mask[2] = F32Binary<Op, 2>;
  table->planes[static_cast<int>(op)][0] = F32BinaryPlane<Op, false>;
  table->planes[static_cast<int>(op)][1] = F32BinaryPlane<Op, true>;
}
template <typename Op>
void SetF32Ternary(TileTable* table, TileOp op) {
  TileEntry& entry = table->ops[static_cast<int>(op)][static_cast<int>(ComputeType::kF32)];
  entry.by_mask[0] = F32Ternary<Op, 0>;
  entry.by_mask[1] = F32Ternary<Op, 1>;
  entry.by_mask[2] = F32Ternary<Op, 2>;
  entry.by_mask[3] = F32Ternary<Op, 3>;
  entry.by_mask[4] = F32Ternary<Op, 4>;
  entry.by_mask[5] = F32Ternary<Op, 5>;
  entry.by_mask[6] = F32Ternary<Op, 6>;
}

#define ORTOLAN_F32_UNARY(name, expression)            \
  struct F32##name {                                   \
    static inline F32 Do(F32 a) { return expression; } \
  };
#define ORTOLAN_F32_BINARY(name, expression)                  \
  struct F32##name {                                          \
    static inline F32 Do(F32 a, F32 b) { return expression; } \
  };

ORTOLAN_F32_UNARY(Neg, FromBits(BitsOf(a) ^ SetInt(INT32_MIN)))
ORTOLAN_F32_UNARY(Abs, Abs(a))
ORTOLAN_F32_UNARY(Sign, Select(Less(Zero(), a), Set(1.0f), Select(Less(a, Zero()), Set(-1.0f), a)))
ORTOLAN_F32_UNARY(Sqrt, Sqrt(a))
ORTOLAN_F32_UNARY(Reciprocal, Set(1.0f) / a)
ORTOLAN_F32_UNARY(Floor, Floor(a))
ORTOLAN_F32_UNARY(Ceil, Ceil(a))
ORTOLAN_F32_UNARY(Round, RoundEven(a))
ORTOLAN_F32_UNARY(Trunc, Trunc(a))
ORTOLAN_F32_UNARY(Exp, Exp(a))
ORTOLAN_F32_UNARY(Log, Log(a))
ORTOLAN_F32_UNARY(Sin, Sin(a))
ORTOLAN_F32_UNARY(Cos, Cos(a))
ORTOLAN_F32_UNARY(Tanh, Tanh(a))
ORTOLAN_F32_UNARY(Erf, Erf(a))
ORTOLAN_F32_UNARY(Sigmoid, Sigmoid(a))
ORTOLAN_F32_UNARY(Relu, Max(Zero(), a))
ORTOLAN_F32_UNARY(Silu, Silu(a))
ORTOLAN_F32_UNARY(Gelu, Gelu(a))
ORTOLAN_F32_UNARY(GeluTanh, GeluTanh(a))
ORTOLAN_F32_UNARY(HardSwish, a* Max(Zero(), Min(Set(1.0f), a* Set(1.0f / 6) + Set(0.5f))))
ORTOLAN_F32_UNARY(Softplus, Softplus(a))
ORTOLAN_F32_UNARY(Expm1, Expm1(a))
ORTOLAN_F32_UNARY(Log1p, Log1p(a))
ORTOLAN_F32_UNARY(Tan, Tan(a))
ORTOLAN_F32_UNARY(Asin, Asin(a))
ORTOLAN_F32_UNARY(Acos, Acos(a))
ORTOLAN_F32_UNARY(Atan, Atan(a))
ORTOLAN_F32_UNARY(Sinh, Sinh(a))
ORTOLAN_F32_UNARY(Cosh, Cosh(a))
ORTOLAN_F32_UNARY(Asinh, Asinh(a))
ORTOLAN_F32_UNARY(Acosh, Acosh(a))
ORTOLAN_F32_UNARY(Atanh, Atanh(a))

ORTOLAN_F32_BINARY(Add, a + b)
ORTOLAN_F32_BINARY(Sub, a - b)
ORTOLAN_F32_BINARY(Mul, a* b)
ORTOLAN_F32_BINARY(Div, a / b)
// The instruction gives b where either is NaN: so only a NaN in `a` needs care.
ORTOLAN_F32_BINARY(Min, Select(IsNan(a), a, Min(a, b)))
ORTOLAN_F32_BINARY(Max, Select(IsNan(a), a, Max(a, b)))
ORTOLAN_F32_BINARY(PRelu, Select(Less(a, Zero()), a* b, a))

struct F32MulAdd {
  static inline F32 Do(F32 a, F32 b, F32 c) { return a * b + c; }
};
struct F32Clip {
  static inline F32 Do(F32 a, F32 low, F32 high) { return Min(high, Max(low, a)); }
};

inline float PowLane(float a, float b) {
  return ::powf(a, b);
}

// Exponents are mostly one constant, and mostly one of these.
template <int kMask>
void F32Pow(void* dst, const void* a, const void* b, const void* c, int64_t n, uint32_t* fault) {
  float* d = static_cast<float*>(dst);
  const float* x = static_cast<const float*>(a);
  const float* y = static_cast<const float*>(b);
  if ((kMask & 2) != 0) {
    if (*y == 2.0f) return F32Binary<F32Mul, 0>(dst, a, a, c, n, fault);
    if (*y == 1.0f) return F32Binary<F32Mul, 2>(dst, a, b, c, n, fault);
    if (*y == -1.0f) return F32Unary<F32Reciprocal>(dst, a, b, c, n, fault);
    if (*y == 3.0f) {
      for (int64_t i = 0; i < n; ++i) d[i] = x[i] * x[i] * x[i];
      return;
    }
  }
  const float single_x = *x;
  const float single_y = *y;
  for (int64_t i = 0; i < n; ++i)
    d[i] = PowLane((kMask & 1) ? single_x : x[i], (kMask & 2) ? single_y : y[i]);
}

template <int kMask>
void F32Fmod(void* dst, const void* a, const void* b, const void*, int64_t n, uint32_t*) {
  float* d = static_cast<float*>(dst);
  const float* x = static_cast<const float*>(a);
  const float* y = static_cast<const float*>(b);
  const float single_x = *x;
  const float single_y = *y;
  for (int64_t i = 0; i < n; ++i)
    d[i] = ::fmodf((kMask & 1) ? single_x : x[i], (kMask & 2) ? single_y : y[i]);
}

void FillF32(TileTable* table) {
#define ORTOLAN_SET(name) SetF32Unary<F32##name>(table, TileOp::k##name);
  ORTOLAN_SET(Neg)
  ORTOLAN_SET(Abs)
  ORTOLAN_SET(Sign)
  ORTOLAN_SET(Sqrt)
  ORTOLAN_SET(Reciprocal)
  ORTOLAN_SET(Floor)
  ORTOLAN_SET(Ceil)
  ORTOLAN_SET(Round)
  ORTOLAN_SET(Trunc)
  ORTOLAN_SET(Exp)
  ORTOLAN_SET(Log)
  ORTOLAN_SET(Sin)
  ORTOLAN_SET(Cos)
  ORTOLAN_SET(Tan)
  ORTOLAN_SET(Asin)
  ORTOLAN_SET(Acos)
  ORTOLAN_SET(Atan)
  ORTOLAN_SET(Sinh)
  ORTOLAN_SET(Cosh)
  ORTOLAN_SET(Tanh)
  ORTOLAN_SET(Asinh)
  ORTOLAN_SET(Acosh)
  ORTOLAN_SET(Atanh)
  ORTOLAN_SET(Erf)
  ORTOLAN_SET(Sigmoid)
  ORTOLAN_SET(Relu)
  ORTOLAN_SET(Silu)
  ORTOLAN_SET(Gelu)
  ORTOLAN_SET(GeluTanh)
  ORTOLAN_SET(HardSwish)
  ORTOLAN_SET(Softplus)
  ORTOLAN_SET(Expm1)
  ORTOLAN_SET(Log1p)
#undef ORTOLAN_SET
#define ORTOLAN_SET(name) SetF32Binary<F32##name>(table, TileOp::k##name);
  ORTOLAN_SET(Add)
  ORTOLAN_SET(Sub)
  ORTOLAN_SET(Mul)
  ORTOLAN_SET(Div)
  ORTOLAN_SET(Min)
  ORTOLAN_SET(Max)
  ORTOLAN_SET(PRelu)
#undef ORTOLAN_SET
  SetF32Ternary<F32Clip>(table, TileOp::kClip);
  SetF32Ternary<F32MulAdd>(table, TileOp::kMulAdd);
  TileEntry& pow = table->ops[static_cast<int>(TileOp::kPow)][static_cast<int>(ComputeType::kF32)];
  pow.by_mask[0] = F32Pow<0>;
  pow.by_mask[1] = F32Pow<1>;
  pow.by_mask[2] = F32Pow<2>;
  TileEntry& fmod = table->ops[static_cast<int>(TileOp::kFmod)][static_cast<int>(ComputeType::kF32)];
  fmod.by_mask[0] = F32Fmod<0>;
  fmod.by_mask[1] = F32Fmod<1>;
  fmod.by_mask[2] = F32Fmod<2>;
}

#undef ORTOLAN_F32_UNARY
#undef ORTOLAN_F32_BINARY

}  // namespace
}  // namespace ortolan::kernels
