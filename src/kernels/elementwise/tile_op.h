// The vocabulary of tile programs: element types as they stand in memory, compute types as they stand in
// registers, and the operations. Plain enumerations without any standard header, because ISA units read them
// too.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace ortolan::kernels {

// Types in memory.
enum class Element : uint8_t { kF32, kF64, kF16, kBF16, kI8, kU8, kI16, kU16, kI32, kU32, kI64, kU64, kBool };
inline constexpr int kElementCount = 13;

// Types in registers. 8- and 16-bit integers compute as i32 and uint32 as i64, which hold their whole range:
// so division, comparison and conversion are right as they are, and only results that may leave the range are
// wrapped.
enum class ComputeType : uint8_t { kF32, kF64, kI32, kI64, kU64, kBool };
inline constexpr int kComputeTypeCount = 6;

constexpr ComputeType ComputeTypeOf(Element element) {
  switch (element) {
    case Element::kF32:
    case Element::kF16:
    case Element::kBF16:
      return ComputeType::kF32;
    case Element::kF64:
      return ComputeType::kF64;
    case Element::kI8:
    case Element::kU8:
    case Element::kI16:
    case Element::kU16:
    case Element::kI32:
      return ComputeType::kI32;
    case Element::kU32:
    case Element::kI64:
      return ComputeType::kI64;
    case Element::kU64:
      return ComputeType::kU64;
    case Element::kBool:
      return ComputeType::kBool;
  }
  return ComputeType::kF32;
}
constexpr int ElementBytes(Element element) {
  constexpr uint8_t kBytes[kElementCount] = {4, 8, 2, 2, 1, 1, 2, 2, 4, 4, 8, 8, 1};
  return kBytes[static_cast<int>(element)];
}
constexpr int ComputeBytes(ComputeType type) {
  constexpr uint8_t kBytes[kComputeTypeCount] = {4, 8, 4, 8, 8, 1};
  return kBytes[static_cast<int>(type)];
}
// Whether a tile in memory and a register have the same form, so that no conversion is needed.
constexpr bool SameForm(Element element) {
  return ElementBytes(element) == ComputeBytes(ComputeTypeOf(element));
}

// name, operands, weight (cycles per vector of 16 floats, roughly)
#define ORTOLAN_TILE_OPS(X)                                                               \
  X(Copy, 1, 1)                                                                           \
  /* arithmetic; integers wrap, Div of integers truncates, division by zero is a fault */ \
  X(Add, 2, 1)                                                                            \
  X(Sub, 2, 1)                                                                            \
  X(Mul, 2, 1)                                                                            \
  X(Div, 2, 8)                                                                            \
  X(Pow, 2, 40)                                                                           \
  X(Mod, 2, 30)  /* sign of the divisor, as Python's; integers */                         \
  X(Fmod, 2, 60) /* sign of the dividend, as C's */                                       \
  X(Min, 2, 1)                                                                            \
  X(Max, 2, 1)    /* NaN where either is NaN */                                           \
  X(Clip, 3, 2)   /* min(max(a, b), c); a NaN `a` stays */                                \
  X(MulAdd, 3, 2) /* a * b + c, rounded twice; floats. Build joins the two */             \
  X(Neg, 1, 1)                                                                            \
  X(Abs, 1, 1)                                                                            \
  X(Sign, 1, 1)                                                                           \
  X(Sqrt, 1, 8)                                                                           \
  X(Reciprocal, 1, 8)                                                                     \
  X(Floor, 1, 1)                                                                          \
  X(Ceil, 1, 1)                                                                           \
  X(Round, 1, 1) /* Round: ties to even */                                                \
  X(Trunc, 1, 1)                                                                          \
  /* transcendental; floating */                                                          \
  X(Exp, 1, 10)                                                                           \
  X(Log, 1, 12)                                                                           \
  X(Sin, 1, 14)                                                                           \
  X(Cos, 1, 14)                                                                           \
  X(Tan, 1, 24)                                                                           \
  X(Asin, 1, 16)                                                                          \
  X(Acos, 1, 18)                                                                          \
  X(Atan, 1, 18)                                                                          \
  X(Sinh, 1, 24)                                                                          \
  X(Cosh, 1, 20)                                                                          \
  X(Tanh, 1, 10)                                                                          \
  X(Asinh, 1, 50)                                                                         \
  X(Acosh, 1, 50)                                                                         \
  X(Atanh, 1, 30)                                                                         \
  X(Erf, 1, 14)                                                                           \
  X(Sigmoid, 1, 8)                                                                        \
  /* activations worth one pass */                                                        \
  X(Relu, 1, 1)                                                                           \
  X(PRelu, 2, 1) /* a < 0 ? a * b : a */                                                  \
  X(Silu, 1, 8)  /* a * sigmoid(a) */                                                     \
  X(Gelu, 1, 15)                                                                          \
  X(GeluTanh, 1, 12)                                                                      \
  X(HardSwish, 1, 3) /* a * clip(a / 6 + 0.5, 0, 1) */                                    \
  X(Softplus, 1, 20) /* log(1 + exp(a)), finite where a is */                             \
  X(Expm1, 1, 14)                                                                         \
  X(Log1p, 1, 16)                                                                         \
  /* comparisons give kBool */                                                            \
  X(Equal, 2, 1)                                                                          \
  X(Less, 2, 1)                                                                           \
  X(LessEqual, 2, 1)                                                                      \
  X(IsNan, 1, 1)                                                                          \
  X(IsPositiveInf, 1, 1)                                                                  \
  X(IsNegativeInf, 1, 1)                                                                  \
  X(Select, 3, 2) /* a ? b : c */                                                         \
                  /* bits; integers and kBool */                                          \
  X(And, 2, 1)                                                                            \
  X(Or, 2, 1)                                                                             \
  X(Xor, 2, 1)                                                                            \
  X(Not, 1, 1)                                                                            \
  X(ShiftLeft, 2, 1)                                                                      \
  X(ShiftRight, 2, 1)                                                                     \
  /* conversions from any compute type */                                                 \
  X(ToF32, 1, 1)                                                                          \
  X(ToF64, 1, 2)                                                                          \
  X(ToI32, 1, 1)                                                                          \
  X(ToI64, 1, 2)                                                                          \
  X(ToU64, 1, 2)                                                                          \
  X(ToBool, 1, 1)                                                                         \
  /* to the range of a narrower element, in place of a conversion to memory and back */   \
  X(WrapI8, 1, 1)                                                                         \
  X(WrapU8, 1, 1)                                                                         \
  X(WrapI16, 1, 1)                                                                        \
  X(WrapU16, 1, 1)                                                                        \
  X(WrapU32, 1, 1)                                                                        \
  X(RoundF16, 1, 3)                                                                       \
  X(RoundBF16, 1, 3)

enum class TileOp : uint8_t {
#define ORTOLAN_TILE_ENUM(name, operands, weight) k##name,
  ORTOLAN_TILE_OPS(ORTOLAN_TILE_ENUM)
#undef ORTOLAN_TILE_ENUM
};
#define ORTOLAN_TILE_COUNT(name, operands, weight) +1
inline constexpr int kTileOpCount = 0 ORTOLAN_TILE_OPS(ORTOLAN_TILE_COUNT);
#undef ORTOLAN_TILE_COUNT

// dst[i] = op(a[i], b[i], c[i]) for i < n, without looking at operands that the operation does not have. dst
// may be the same memory as an operand of the same width. A fault is or-ed into *fault (see TileFault); its
// elements become zero.
using TileFunction = void (*)(void* dst, const void* a, const void* b, const void* c, int64_t n,
                              uint32_t* fault);

// The same in place over a plane of floats in memory: of each of `rows` rows, which stand ld apart, the first
// n elements become op(element, b). b stands b_ld from row to row; it is a row of elements or a single one a
// row.
using PlaneFunction = void (*)(float* plane, int64_t ld, const float* b, int64_t b_ld, int64_t rows,
                               int64_t n);

}  // namespace ortolan::kernels
