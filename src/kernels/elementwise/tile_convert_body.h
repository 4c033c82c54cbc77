// Conversions between compute types, to narrower ranges, and between registers and memory. Included by the
// ISA units through tile_body.h, after tile_plain_body.h.
//
// From floating to integer the value is truncated; out of range and NaN give what x86's conversion gives (the
// lowest number), as in the engine that models were tested with, but never undefined behaviour.
#pragma once

#include "kernels/elementwise/tile_plain_body.h"
#include "simd/vec.h"

namespace ortolan::kernels {
namespace {

inline int64_t TruncateTo64(double a) {
  return a >= -0x1p63 && a < 0x1p63 ? static_cast<int64_t>(a) : INT64_MIN;
}

template <typename Result, typename T>
struct ConvertNumber {
  static inline Result Do(T a) { return static_cast<Result>(a); }
};
template <typename T>
struct FloatToI32 {
  static inline int32_t Do(T a) {
    return a > static_cast<T>(-2147483904.0) && a < static_cast<T>(2147483648.0) &&
                   a >= static_cast<T>(-2147483648.0)
               ? static_cast<int32_t>(a)
               : INT32_MIN;
  }
};
template <typename T>
struct FloatToI64 {
  static inline int64_t Do(T a) { return TruncateTo64(static_cast<double>(a)); }
};
template <typename T>
struct FloatToU64 {
  static inline uint64_t Do(T a) {
    const double v = static_cast<double>(a);
    if (v >= 0x1p63 && v < 0x1p64)
      return static_cast<uint64_t>(TruncateTo64(v - 0x1p63)) ^ (uint64_t{1} << 63);
    return static_cast<uint64_t>(TruncateTo64(v));
  }
};
template <typename T>
struct NotZero {
  static inline uint8_t Do(T a) { return a != T(0); }
};
template <typename Result>
struct BoolTo {
  static inline Result Do(uint8_t a) { return a != 0 ? Result(1) : Result(0); }
};
template <typename T, typename Narrow>
struct WrapTo {
  static inline T Do(T a) { return static_cast<T>(static_cast<Narrow>(a)); }
};

// The hot one, which no compiler vectorises for fear of its exceptions.
void F32ToI32(void* dst, const void* a, const void*, const void*, int64_t n, uint32_t*) {
  int32_t* d = static_cast<int32_t*>(dst);
  const float* x = static_cast<const float*>(a);
  int64_t i = 0;
#if defined(__AVX2__) || defined(ORTOLAN_NEON)
  for (; i + kLanes <= n; i += kLanes) Store(d + i, ToInt(Trunc(Load(x + i))));
#endif
  for (; i < n; ++i) d[i] = FloatToI32<float>::Do(x[i]);
}

template <typename Result, typename T>
void SetNumber(TileTable* table, TileOp op, ComputeType from) {
  SetPlainUnary<Result, T, ConvertNumber<Result, T>>(table, op, from);
}

template <typename T>
void FillFromInteger(TileTable* table, ComputeType from) {
  SetNumber<float, T>(table, TileOp::kToF32, from);
  SetNumber<double, T>(table, TileOp::kToF64, from);
  SetNumber<int32_t, T>(table, TileOp::kToI32, from);
  SetNumber<int64_t, T>(table, TileOp::kToI64, from);
  SetNumber<uint64_t, T>(table, TileOp::kToU64, from);
  SetPlainUnary<uint8_t, T, NotZero<T>>(table, TileOp::kToBool, from);
  SetPlainUnary<T, T, WrapTo<T, int8_t>>(table, TileOp::kWrapI8, from);
  SetPlainUnary<T, T, WrapTo<T, uint8_t>>(table, TileOp::kWrapU8, from);
  SetPlainUnary<T, T, WrapTo<T, int16_t>>(table, TileOp::kWrapI16, from);
  SetPlainUnary<T, T, WrapTo<T, uint16_t>>(table, TileOp::kWrapU16, from);
  SetPlainUnary<T, T, WrapTo<T, uint32_t>>(table, TileOp::kWrapU32, from);
}

// float16 and bfloat16. Bits of NaN stay NaN; rounding is to nearest even.
inline uint16_t HalfBits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  const uint32_t sign = (bits >> 16) & 0x8000;
  const uint32_t rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00 | ((rest >> 13) & 0x3ff));
  if (rest >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);  // rounds to 65536 or more
  if (rest < 0x38800000) {  // below 2^-14: adding 0.5 lines the fraction up with units of 2^-24 and rounds
    float shifted;
    memcpy(&shifted, &rest, 4);
    shifted += 0.5f;
    uint32_t lined;
    memcpy(&lined, &shifted, 4);
    return static_cast<uint16_t>(sign | (lined - 0x3f000000u));
  }
  return static_cast<uint16_t>(sign | ((rest - (112u << 23) + 0xfff + ((rest >> 13) & 1)) >> 13));
}
inline float HalfValue(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t rest = half & 0x7fff;
  uint32_t bits;
  if (rest >= 0x7c00) {
    bits = 0x7f800000u | ((rest & 0x3ff) << 13);
  } else if (rest < 0x0400) {
    const float magnitude = static_cast<float>(rest) * 0x1p-24f;
    memcpy(&bits, &magnitude, 4);
  } else {
    bits = (rest << 13) + (112u << 23);
  }
  bits |= sign;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

void LoadF16(void* dst, const void* a, const void*, const void*, int64_t n, uint32_t*) {
  float* d = static_cast<float*>(dst);
  const uint16_t* x = static_cast<const uint16_t*>(a);
  int64_t i = 0;
#if defined(__AVX2__)
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(d + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i))));
  }
#elif defined(ORTOLAN_NEON)
  for (; i + 4 <= n; i += 4) vst1q_f32(d + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x + i))));
#endif
  for (; i < n; ++i) d[i] = HalfValue(x[i]);
}
void StoreF16(void* dst, const void* a, const void*, const void*, int64_t n, uint32_t*) {
  uint16_t* d = static_cast<uint16_t*>(dst);
  const float* x = static_cast<const float*>(a);
  int64_t i = 0;
#if defined(__AVX2__)
  for (; i + 8 <= n; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(d + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
  }
#elif defined(ORTOLAN_NEON)
  for (; i + 4 <= n; i += 4) vst1_u16(d + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(x + i))));
#endif
  for (; i < n; ++i) d[i] = HalfBits(x[i]);
}

struct LoadBF16 {
  static inline uint32_t Do(uint16_t a) { return static_cast<uint32_t>(a) << 16; }
};
struct StoreBF16 {
  static inline uint16_t Do(uint32_t bits) {
    const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? (bits >> 16) | 0x40 : rounded);
  }
};
struct RoundToBF16 {
  static inline uint32_t Do(uint32_t bits) { return static_cast<uint32_t>(StoreBF16::Do(bits)) << 16; }
};
void RoundToF16(void* dst, const void* a, const void* b, const void* c, int64_t n, uint32_t* fault) {
  // Through a piece of memory that stays in registers' reach; in place is safe since a piece is read before
  // it is written.
  uint16_t piece[64];
  float* d = static_cast<float*>(dst);
  const float* x = static_cast<const float*>(a);
  for (int64_t i = 0; i < n; i += 64) {
    const int64_t count = n - i < 64 ? n - i : 64;
    StoreF16(piece, x + i, b, c, count, fault);
    LoadF16(d + i, piece, b, c, count, fault);
  }
}

template <typename Memory, typename T>
void SetMemory(TileTable* table, Element element) {
  table->load[static_cast<int>(element)] = PlainUnary<T, Memory, ConvertNumber<T, Memory>>;
  table->store[static_cast<int>(element)] = PlainUnary<Memory, T, ConvertNumber<Memory, T>>;
}
template <typename T>
void SetSame(TileTable* table, Element element) {
  table->load[static_cast<int>(element)] = PlainCopy<T>;
  table->store[static_cast<int>(element)] = PlainCopy<T>;
}

void FillConversions(TileTable* table) {
  FillFromInteger<int32_t>(table, ComputeType::kI32);
  FillFromInteger<int64_t>(table, ComputeType::kI64);
  FillFromInteger<uint64_t>(table, ComputeType::kU64);

  SetNumber<double, float>(table, TileOp::kToF64, ComputeType::kF32);
  table->ops[static_cast<int>(TileOp::kToI32)][static_cast<int>(ComputeType::kF32)].by_mask[0] = F32ToI32;
  SetPlainUnary<int64_t, float, FloatToI64<float>>(table, TileOp::kToI64, ComputeType::kF32);
  SetPlainUnary<uint64_t, float, FloatToU64<float>>(table, TileOp::kToU64, ComputeType::kF32);
  SetPlainUnary<uint8_t, float, NotZero<float>>(table, TileOp::kToBool, ComputeType::kF32);

  SetNumber<float, double>(table, TileOp::kToF32, ComputeType::kF64);
  SetPlainUnary<int32_t, double, FloatToI32<double>>(table, TileOp::kToI32, ComputeType::kF64);
  SetPlainUnary<int64_t, double, FloatToI64<double>>(table, TileOp::kToI64, ComputeType::kF64);
  SetPlainUnary<uint64_t, double, FloatToU64<double>>(table, TileOp::kToU64, ComputeType::kF64);
  SetPlainUnary<uint8_t, double, NotZero<double>>(table, TileOp::kToBool, ComputeType::kF64);

  SetPlainUnary<float, uint8_t, BoolTo<float>>(table, TileOp::kToF32, ComputeType::kBool);
  SetPlainUnary<double, uint8_t, BoolTo<double>>(table, TileOp::kToF64, ComputeType::kBool);
  SetPlainUnary<int32_t, uint8_t, BoolTo<int32_t>>(table, TileOp::kToI32, ComputeType::kBool);
  SetPlainUnary<int64_t, uint8_t, BoolTo<int64_t>>(table, TileOp::kToI64, ComputeType::kBool);
  SetPlainUnary<uint64_t, uint8_t, BoolTo<uint64_t>>(table, TileOp::kToU64, ComputeType::kBool);

  table->ops[static_cast<int>(TileOp::kRoundF16)][static_cast<int>(ComputeType::kF32)].by_mask[0] =
      RoundToF16;
  SetPlainUnary<uint32_t, uint32_t, RoundToBF16>(table, TileOp::kRoundBF16, ComputeType::kF32);

  SetSame<float>(table, Element::kF32);
  SetSame<double>(table, Element::kF64);
  SetSame<int32_t>(table, Element::kI32);
  SetSame<int64_t>(table, Element::kI64);
  SetSame<uint64_t>(table, Element::kU64);
  SetSame<uint8_t>(table, Element::kBool);
  SetMemory<int8_t, int32_t>(table, Element::kI8);
  SetMemory<uint8_t, int32_t>(table, Element::kU8);
  SetMemory<int16_t, int32_t>(table, Element::kI16);
  SetMemory<uint16_t, int32_t>(table, Element::kU16);
  SetMemory<uint32_t, int64_t>(table, Element::kU32);
  table->load[static_cast<int>(Element::kF16)] = LoadF16;
  table->store[static_cast<int>(Element::kF16)] = StoreF16;
  table->load[static_cast<int>(Element::kBF16)] = PlainUnary<uint32_t, uint16_t, LoadBF16>;
  table->store[static_cast<int>(Element::kBF16)] = PlainUnary<uint16_t, uint32_t, StoreBF16>;
}

}  // namespace
}  // namespace ortolan::kernels
