// Primitives for double, integers and booleans as plain loops that the compiler vectorises for each ISA, and
// everything that crosses types: comparisons, selection, conversions. Included by the ISA units through
// tile_body.h.
//
// Double goes through the C library for transcendental functions: models in double are rare and want its
// accuracy.
#pragma once

#include <math.h>
#include <string.h>

#include "kernels/elementwise/tile_table.h"

// dst may be an operand of the same width, which the compiler would otherwise have to guard against.
#if defined(__clang__)
#define ORTOLAN_TILE_LOOP _Pragma("clang loop vectorize(assume_safety)")
#else
#define ORTOLAN_TILE_LOOP _Pragma("GCC ivdep")
#endif

namespace ortolan::kernels {
namespace {

template <typename T>
struct IsSigned {
  static constexpr bool kValue = T(-1) < T(0);
};
template <typename T>
struct UnsignedOf;
template <>
struct UnsignedOf<int32_t> {
  using Type = uint32_t;
};
template <>
struct UnsignedOf<int64_t> {
  using Type = uint64_t;
};
template <>
struct UnsignedOf<uint64_t> {
  using Type = uint64_t;
};

template <typename Result, typename T, typename Op>
void PlainUnary(void* dst, const void* a, const void*, const void*, int64_t n, uint32_t*) {
  Result* d = static_cast<Result*>(dst);
  const T* x = static_cast<const T*>(a);
  ORTOLAN_TILE_LOOP
  for (int64_t i = 0; i < n; ++i) d[i] = Op::Do(x[i]);
}

template <typename Result, typename T, typename Op, int kMask>
void PlainBinary(void* dst, const void* a, const void* b, const void*, int64_t n, uint32_t*) {
  Result* d = static_cast<Result*>(dst);
  const T* x = static_cast<const T*>(a);
  const T* y = static_cast<const T*>(b);
  const T x0 = *x;
  const T y0 = *y;
  ORTOLAN_TILE_LOOP
  for (int64_t i = 0; i < n; ++i) d[i] = Op::Do((kMask & 1) ? x0 : x[i], (kMask & 2) ? y0 : y[i]);
}

// Division of integers: Op::Do may raise the fault.
template <typename T, typename Op, int kMask>
void FaultingBinary(void* dst, const void* a, const void* b, const void*, int64_t n, uint32_t* fault) {
  T* d = static_cast<T*>(dst);
  const T* x = static_cast<const T*>(a);
  const T* y = static_cast<const T*>(b);
  const T x0 = *x;
  const T y0 = *y;
  uint32_t seen = 0;
  for (int64_t i = 0; i < n; ++i) d[i] = Op::Do((kMask & 1) ? x0 : x[i], (kMask & 2) ? y0 : y[i], &seen);
  if (seen != 0) *fault |= seen;
}

template <typename T, int kMask>
void PlainSelect(void* dst, const void* a, const void* b, const void* c, int64_t n, uint32_t*) {
  T* d = static_cast<T*>(dst);
  const uint8_t* x = static_cast<const uint8_t*>(a);
  const T* y = static_cast<const T*>(b);
  const T* z = static_cast<const T*>(c);
  const uint8_t x0 = *x;
  const T y0 = *y;
  const T z0 = *z;
  ORTOLAN_TILE_LOOP
  for (int64_t i = 0; i < n; ++i) {
    const T yes = (kMask & 2) ? y0 : y[i];
    const T no = (kMask & 4) ? z0 : z[i];
    d[i] = ((kMask & 1) ? x0 : x[i]) != 0 ? yes : no;
  }
}

template <typename T, int kMask>
void PlainClip(void* dst, const void* a, const void* b, const void* c, int64_t n, uint32_t*) {
  T* d = static_cast<T*>(dst);
  const T* x = static_cast<const T*>(a);
  const T* y = static_cast<const T*>(b);
  const T* z = static_cast<const T*>(c);
  const T x0 = *x;
  const T y0 = *y;
  const T z0 = *z;
  ORTOLAN_TILE_LOOP
  for (int64_t i = 0; i < n; ++i) {
    const T v = (kMask & 1) ? x0 : x[i];
    const T low = (kMask & 2) ? y0 : y[i];
    const T high = (kMask & 4) ? z0 : z[i];
    const T raised = low > v ? low : v;
    d[i] = high < raised ? high : raised;
  }
}

template <typename T>
void PlainCopy(void* dst, const void* a, const void*, const void*, int64_t n, uint32_t*) {
  if (dst != a) memcpy(dst, a, static_cast<size_t>(n) * sizeof(T));
}

#define ORTOLAN_PLAIN_UNARY(name, expression)        \
  template <typename T>                              \
  struct Plain##name {                               \
    static inline T Do(T a) { return (expression); } \
  };
#define ORTOLAN_PLAIN_BINARY(name, expression)            \
  template <typename T>                                   \
  struct Plain##name {                                    \
    static inline T Do(T a, T b) { return (expression); } \
  };
#define ORTOLAN_PLAIN_TEST(name, expression)                    \
  template <typename T>                                         \
  struct Plain##name {                                          \
    static inline uint8_t Do(T a, T b) { return (expression); } \
  };

// Floating (double).
ORTOLAN_PLAIN_BINARY(Add, a + b)
ORTOLAN_PLAIN_BINARY(Sub, a - b)
ORTOLAN_PLAIN_BINARY(Mul, a* b)
ORTOLAN_PLAIN_BINARY(Div, a / b)
ORTOLAN_PLAIN_BINARY(Min, a != a ? a : b < a || b != b ? b : a)
ORTOLAN_PLAIN_BINARY(Max, a != a ? a : b > a || b != b ? b : a)
ORTOLAN_PLAIN_BINARY(PRelu, a < T(0) ? a * b : a)
ORTOLAN_PLAIN_BINARY(Pow, ::pow(a, b))
ORTOLAN_PLAIN_BINARY(Fmod, ::fmod(a, b))
ORTOLAN_PLAIN_UNARY(Neg, -a)
ORTOLAN_PLAIN_UNARY(Abs, ::fabs(a))
ORTOLAN_PLAIN_UNARY(Sign, a > 0 ? 1.0 : a < 0 ? -1.0 : a)
ORTOLAN_PLAIN_UNARY(Sqrt, ::sqrt(a))
ORTOLAN_PLAIN_UNARY(Reciprocal, 1.0 / a)
ORTOLAN_PLAIN_UNARY(Floor, ::floor(a))
ORTOLAN_PLAIN_UNARY(Ceil, ::ceil(a))
ORTOLAN_PLAIN_UNARY(Round, ::rint(a))
ORTOLAN_PLAIN_UNARY(Trunc, ::trunc(a))
ORTOLAN_PLAIN_UNARY(Exp, ::exp(a))
ORTOLAN_PLAIN_UNARY(Log, ::log(a))
ORTOLAN_PLAIN_UNARY(Sin, ::sin(a))
ORTOLAN_PLAIN_UNARY(Cos, ::cos(a))
ORTOLAN_PLAIN_UNARY(Tan, ::tan(a))
ORTOLAN_PLAIN_UNARY(Asin, ::asin(a))
ORTOLAN_PLAIN_UNARY(Acos, ::acos(a))
ORTOLAN_PLAIN_UNARY(Atan, ::atan(a))
ORTOLAN_PLAIN_UNARY(Sinh, ::sinh(a))
ORTOLAN_PLAIN_UNARY(Cosh, ::cosh(a))
ORTOLAN_PLAIN_UNARY(Tanh, ::tanh(a))
ORTOLAN_PLAIN_UNARY(Asinh, ::asinh(a))
ORTOLAN_PLAIN_UNARY(Acosh, ::acosh(a))
ORTOLAN_PLAIN_UNARY(Atanh, ::atanh(a))
ORTOLAN_PLAIN_UNARY(Erf, ::erf(a))
ORTOLAN_PLAIN_UNARY(Sigmoid, 1.0 / (1.0 + ::exp(-a)))
ORTOLAN_PLAIN_UNARY(Relu, a < 0 ? 0.0 : a)
ORTOLAN_PLAIN_UNARY(Silu, a / (1.0 + ::exp(-a)))
ORTOLAN_PLAIN_UNARY(Gelu, 0.5 * a * (1.0 + ::erf(a * 0.70710678118654752440)))
ORTOLAN_PLAIN_UNARY(GeluTanh, 0.5 * a * (1.0 + ::tanh(0.79788456080286535588 * (a + 0.044715 * a * a * a))))
ORTOLAN_PLAIN_UNARY(HardSwish, a* ::fmax(0.0, ::fmin(1.0, a / 6 + 0.5)))
ORTOLAN_PLAIN_UNARY(Softplus, ::fmax(a, 0.0) + ::log1p(::exp(-::fabs(a))))
ORTOLAN_PLAIN_UNARY(Expm1, ::expm1(a))
ORTOLAN_PLAIN_UNARY(Log1p, ::log1p(a))

// Integers: through the unsigned type, where wrapping is defined.
#define ORTOLAN_WRAPPED(a) static_cast<typename UnsignedOf<T>::Type>(a)
ORTOLAN_PLAIN_BINARY(IntAdd, static_cast<T>(ORTOLAN_WRAPPED(a) + ORTOLAN_WRAPPED(b)))
ORTOLAN_PLAIN_BINARY(IntSub, static_cast<T>(ORTOLAN_WRAPPED(a) - ORTOLAN_WRAPPED(b)))
ORTOLAN_PLAIN_BINARY(IntMul, static_cast<T>(ORTOLAN_WRAPPED(a) * ORTOLAN_WRAPPED(b)))
ORTOLAN_PLAIN_BINARY(IntMin, b < a ? b : a)
ORTOLAN_PLAIN_BINARY(IntMax, b > a ? b : a)
ORTOLAN_PLAIN_BINARY(IntPRelu, a < T(0) ? static_cast<T>(ORTOLAN_WRAPPED(a) * ORTOLAN_WRAPPED(b)) : a)
ORTOLAN_PLAIN_BINARY(ShiftLeft,
                     ORTOLAN_WRAPPED(b) >= sizeof(T) * 8 ? T(0) : static_cast<T>(ORTOLAN_WRAPPED(a) << b))
ORTOLAN_PLAIN_BINARY(ShiftRight, ORTOLAN_WRAPPED(b) >= sizeof(T) * 8 ? static_cast<T>(a < T(0) ? -1 : 0)
                                                                     : static_cast<T>(a >> b))
ORTOLAN_PLAIN_UNARY(IntNeg, static_cast<T>(0 - ORTOLAN_WRAPPED(a)))
ORTOLAN_PLAIN_UNARY(IntAbs, a < T(0) ? static_cast<T>(0 - ORTOLAN_WRAPPED(a)) : a)
ORTOLAN_PLAIN_UNARY(IntSign, static_cast<T>((a > T(0)) - (a < T(0))))
ORTOLAN_PLAIN_UNARY(IntRelu, a < T(0) ? T(0) : a)

ORTOLAN_PLAIN_BINARY(And, static_cast<T>(a& b))
ORTOLAN_PLAIN_BINARY(Or, static_cast<T>(a | b))
ORTOLAN_PLAIN_BINARY(Xor, static_cast<T>(a ^ b))
ORTOLAN_PLAIN_UNARY(Not, static_cast<T>(~a))
ORTOLAN_PLAIN_TEST(BoolXor, (a != 0) != (b != 0))
ORTOLAN_PLAIN_TEST(BoolAnd, (a != 0) & (b != 0))
ORTOLAN_PLAIN_TEST(BoolOr, (a != 0) | (b != 0))
ORTOLAN_PLAIN_TEST(BoolEqual, (a != 0) == (b != 0))
ORTOLAN_PLAIN_TEST(Equal, a == b)
ORTOLAN_PLAIN_TEST(Less, a < b)
ORTOLAN_PLAIN_TEST(LessEqual, a <= b)

constexpr uint32_t kDivisionFault = 1;  // TileFault::kDivisionByZero

template <typename T>
struct IntDiv {
  static inline T Do(T a, T b, uint32_t* fault) {
    if (b == 0) {
      *fault = kDivisionFault;
      return 0;
    }
    // The lowest number has no negative and would trap.
    if (IsSigned<T>::kValue && b == T(-1)) return static_cast<T>(0 - ORTOLAN_WRAPPED(a));
    return a / b;
  }
};
template <typename T>
struct IntFmod {
  static inline T Do(T a, T b, uint32_t* fault) {
    if (b == 0) {
      *fault = kDivisionFault;
      return 0;
    }
    return IsSigned<T>::kValue && b == T(-1) ? T(0) : static_cast<T>(a % b);
  }
};
template <typename T>
struct IntMod {
  static inline T Do(T a, T b, uint32_t* fault) {
    const T rest = IntFmod<T>::Do(a, b, fault);
    return rest != 0 && (rest < T(0)) != (b < T(0)) ? static_cast<T>(rest + b) : rest;
  }
};
// By repeated squaring, wrapping; a negative exponent leaves 1 / a^|b| truncated.
template <typename T>
struct IntPow {
  static inline T Do(T a, T b) {
    if (IsSigned<T>::kValue && b < T(0)) {
      if (a == T(1)) return 1;
      return a == T(-1) ? ((b & 1) != 0 ? a : T(1)) : T(0);
    }
    typename UnsignedOf<T>::Type base = ORTOLAN_WRAPPED(a), result = 1;
    for (typename UnsignedOf<T>::Type rest = ORTOLAN_WRAPPED(b); rest != 0; rest >>= 1) {
      if ((rest & 1) != 0) result *= base;
      base *= base;
    }
    return static_cast<T>(result);
  }
};
#undef ORTOLAN_WRAPPED

struct BoolNot {
  static inline uint8_t Do(uint8_t a) { return a == 0; }
};
template <typename T>
struct TestNan {
  static inline uint8_t Do(T a) { return a != a; }
};
template <typename T>
struct TestPositiveInf {
  static inline uint8_t Do(T a) { return a == static_cast<T>(HUGE_VAL); }
};
template <typename T>
struct TestNegativeInf {
  static inline uint8_t Do(T a) { return a == -static_cast<T>(HUGE_VAL); }
};

template <typename Result, typename T, template <typename> class Op>
void SetPlainBinary(TileTable* table, TileOp op, ComputeType type) {
  TileEntry& entry = table->ops[static_cast<int>(op)][static_cast<int>(type)];
  entry.by_mask[0] = PlainBinary<Result, T, Op<T>, 0>;
  entry.by_mask[1] = PlainBinary<Result, T, Op<T>, 1>;
  entry.by_mask[2] = PlainBinary<Result, T, Op<T>, 2>;
}
template <typename T, template <typename> class Op>
void SetFaulting(TileTable* table, TileOp op, ComputeType type) {
  TileEntry& entry = table->ops[static_cast<int>(op)][static_cast<int>(type)];
  entry.by_mask[0] = FaultingBinary<T, Op<T>, 0>;
  entry.by_mask[1] = FaultingBinary<T, Op<T>, 1>;
  entry.by_mask[2] = FaultingBinary<T, Op<T>, 2>;
}
template <typename Result, typename T, typename Op>
void SetPlainUnary(TileTable* table, TileOp op, ComputeType type) {
  table->ops[static_cast<int>(op)][static_cast<int>(type)].by_mask[0] = PlainUnary<Result, T, Op>;
}
template <typename T>
void SetSelectAndCopy(TileTable* table, ComputeType type) {
  TileEntry& entry = table->ops[static_cast<int>(TileOp::kSelect)][static_cast<int>(type)];
  entry.by_mask[0] = PlainSelect<T, 0>;
  entry.by_mask[1] = PlainSelect<T, 1>;
  entry.by_mask[2] = PlainSelect<T, 2>;
  entry.by_mask[3] = PlainSelect<T, 3>;
  entry.by_mask[4] = PlainSelect<T, 4>;
  entry.by_mask[5] = PlainSelect<T, 5>;
  entry.by_mask[6] = PlainSelect<T, 6>;
  table->ops[static_cast<int>(TileOp::kCopy)][static_cast<int>(type)].by_mask[0] = PlainCopy<T>;
}
template <typename T>
void SetPlainClip(TileTable* table, ComputeType type) {
  TileEntry& entry = table->ops[static_cast<int>(TileOp::kClip)][static_cast<int>(type)];
  entry.by_mask[0] = PlainClip<T, 0>;
  entry.by_mask[1] = PlainClip<T, 1>;
  entry.by_mask[2] = PlainClip<T, 2>;
  entry.by_mask[3] = PlainClip<T, 3>;
  entry.by_mask[4] = PlainClip<T, 4>;
  entry.by_mask[5] = PlainClip<T, 5>;
  entry.by_mask[6] = PlainClip<T, 6>;
}
template <typename T>
void SetTests(TileTable* table, ComputeType type) {
  SetPlainBinary<uint8_t, T, PlainEqual>(table, TileOp::kEqual, type);
  SetPlainBinary<uint8_t, T, PlainLess>(table, TileOp::kLess, type);
  SetPlainBinary<uint8_t, T, PlainLessEqual>(table, TileOp::kLessEqual, type);
}

void FillF64(TileTable* table) {
  constexpr ComputeType kType = ComputeType::kF64;
#define ORTOLAN_SET(name) SetPlainUnary<double, double, Plain##name<double>>(table, TileOp::k##name, kType);
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
#define ORTOLAN_SET(name) SetPlainBinary<double, double, Plain##name>(table, TileOp::k##name, kType);
  ORTOLAN_SET(Add)
  ORTOLAN_SET(Sub)
  ORTOLAN_SET(Mul)
  ORTOLAN_SET(Div)
  ORTOLAN_SET(Min)
  ORTOLAN_SET(Max)
  ORTOLAN_SET(PRelu)
  ORTOLAN_SET(Pow)
  ORTOLAN_SET(Fmod)
#undef ORTOLAN_SET
  SetPlainClip<double>(table, kType);
}

template <typename T>
void FillInteger(TileTable* table, ComputeType type) {
#define ORTOLAN_SET(name) SetPlainBinary<T, T, PlainInt##name>(table, TileOp::k##name, type);
  ORTOLAN_SET(Add)
  ORTOLAN_SET(Sub)
  ORTOLAN_SET(Mul)
  ORTOLAN_SET(Min)
  ORTOLAN_SET(Max)
  ORTOLAN_SET(PRelu)
#undef ORTOLAN_SET
#define ORTOLAN_SET(name) SetPlainBinary<T, T, Plain##name>(table, TileOp::k##name, type);
  ORTOLAN_SET(And)
  ORTOLAN_SET(Or)
  ORTOLAN_SET(Xor)
  ORTOLAN_SET(ShiftLeft)
  ORTOLAN_SET(ShiftRight)
#undef ORTOLAN_SET
#define ORTOLAN_SET(name) SetPlainUnary<T, T, PlainInt##name<T>>(table, TileOp::k##name, type);
  ORTOLAN_SET(Neg)
  ORTOLAN_SET(Abs)
  ORTOLAN_SET(Sign)
  ORTOLAN_SET(Relu)
#undef ORTOLAN_SET
  SetPlainUnary<T, T, PlainNot<T>>(table, TileOp::kNot, type);
  SetPlainBinary<T, T, IntPow>(table, TileOp::kPow, type);
  SetFaulting<T, IntDiv>(table, TileOp::kDiv, type);
  SetFaulting<T, IntMod>(table, TileOp::kMod, type);
  SetFaulting<T, IntFmod>(table, TileOp::kFmod, type);
  SetPlainClip<T>(table, type);
}

void FillCrossing(TileTable* table) {
  SetSelectAndCopy<uint32_t>(table, ComputeType::kF32);  // moved as bits
  SetSelectAndCopy<uint64_t>(table, ComputeType::kF64);
  SetSelectAndCopy<uint32_t>(table, ComputeType::kI32);
  SetSelectAndCopy<uint64_t>(table, ComputeType::kI64);
  SetSelectAndCopy<uint64_t>(table, ComputeType::kU64);
  SetSelectAndCopy<uint8_t>(table, ComputeType::kBool);
  SetTests<float>(table, ComputeType::kF32);
  SetTests<double>(table, ComputeType::kF64);
  SetTests<int32_t>(table, ComputeType::kI32);
  SetTests<int64_t>(table, ComputeType::kI64);
  SetTests<uint64_t>(table, ComputeType::kU64);
  SetPlainBinary<uint8_t, uint8_t, PlainBoolEqual>(table, TileOp::kEqual, ComputeType::kBool);
  SetPlainBinary<uint8_t, uint8_t, PlainBoolAnd>(table, TileOp::kAnd, ComputeType::kBool);
  SetPlainBinary<uint8_t, uint8_t, PlainBoolOr>(table, TileOp::kOr, ComputeType::kBool);
  SetPlainBinary<uint8_t, uint8_t, PlainBoolXor>(table, TileOp::kXor, ComputeType::kBool);
  SetPlainUnary<uint8_t, uint8_t, BoolNot>(table, TileOp::kNot, ComputeType::kBool);
  SetPlainUnary<uint8_t, float, TestNan<float>>(table, TileOp::kIsNan, ComputeType::kF32);
  SetPlainUnary<uint8_t, double, TestNan<double>>(table, TileOp::kIsNan, ComputeType::kF64);
  SetPlainUnary<uint8_t, float, TestPositiveInf<float>>(table, TileOp::kIsPositiveInf, ComputeType::kF32);
  SetPlainUnary<uint8_t, double, TestPositiveInf<double>>(table, TileOp::kIsPositiveInf, ComputeType::kF64);
  SetPlainUnary<uint8_t, float, TestNegativeInf<float>>(table, TileOp::kIsNegativeInf, ComputeType::kF32);
  SetPlainUnary<uint8_t, double, TestNegativeInf<double>>(table, TileOp::kIsNegativeInf, ComputeType::kF64);
}

#undef ORTOLAN_PLAIN_UNARY
#undef ORTOLAN_PLAIN_BINARY
#undef ORTOLAN_PLAIN_TEST

}  // namespace
}  // namespace ortolan::kernels
