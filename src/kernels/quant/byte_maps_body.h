// The elementwise operators over 8-bit maps, written once; each ISA unit includes it with its own flags.
#pragma once

#include "kernels/quant/byte_maps_kernel.h"
#include "kernels/quant/byte_vec.h"

namespace ortolan::kernels {
namespace {

template <bool kSigned>
ORTOLAN_INLINE F32 Widened(const uint8_t* p, int64_t n) {
  return ToFloat(LoadWidened(p, n, kSigned));
}

template <bool kSigned>
ORTOLAN_INLINE void StoreRounded(uint8_t* p, F32 value, int64_t n) {
  const F32 low = Set(kSigned ? -128.0f : 0.0f), high = Set(kSigned ? 127.0f : 255.0f);
  StoreLowBytes(p, ToInt(Min(Max(value, low), high)), n);
}

template <bool kSigned>
void BinaryOf(const ByteBinaryFacts& facts, const uint8_t* a, const uint8_t* b, int64_t b_step, int64_t n,
              uint8_t* y) {
  const float b_one = kSigned ? (float)*(const int8_t*)b : (float)*b;
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t count = n - i;
    const F32 left = Widened<kSigned>(a + i, count);
    const F32 right = b_step == 0 ? Set(b_one) : Widened<kSigned>(b + i, count);
    if (facts.product) {
      const F32 value = (left - Set(facts.a_zero)) * (right - Set(facts.b_zero));
      StoreRounded<kSigned>(y + i, value * Set(facts.ratio) + Set(facts.y_zero), count);
    } else {
      const F32 value = Fma(right, Set(facts.b_ratio), Set(facts.fixed));
      StoreRounded<kSigned>(y + i, Fma(left, Set(facts.a_ratio), value), count);
    }
  }
}

void Binary(const ByteBinaryFacts& facts, const uint8_t* a, const uint8_t* b, int64_t b_step, int64_t n,
            uint8_t* y) {
  if (n <= 0) return;
  if (facts.is_signed) {
    BinaryOf<true>(facts, a, b, b_step, n, y);
  } else {
    BinaryOf<false>(facts, a, b, b_step, n, y);
  }
}

void Table(const uint8_t* table, const uint8_t* x, int64_t n, uint8_t* y) {
  int64_t i = 0;
#if defined(__AVX512F__)
  // Sixteen tables of 16 bytes: adding 112 with saturation sets the top bit of every index that is not below
  // 16, and a shuffle gives 0 there.
  __m512i parts[16];
  for (int t = 0; t < 16; ++t)
    parts[t] = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i*)(table + 16 * t)));
  for (; i + 64 <= n; i += 64) {
    const __m512i at = _mm512_loadu_si512(x + i);
    __m512i found = _mm512_setzero_si512();
    ORTOLAN_UNROLL
    for (int t = 0; t < 16; ++t) {
      const __m512i index =
          _mm512_adds_epu8(_mm512_xor_si512(at, _mm512_set1_epi8((char)(16 * t))), _mm512_set1_epi8(112));
      found = _mm512_or_si512(found, _mm512_shuffle_epi8(parts[t], index));
    }
    _mm512_storeu_si512(y + i, found);
  }
#elif defined(ORTOLAN_NEON)
  // Four tables of 64 bytes; an index beyond one leaves what was found.
  uint8x16x4_t parts[4];
  for (int t = 0; t < 4; ++t) parts[t] = vld1q_u8_x4(table + 64 * t);
  const uint8x16_t next = vdupq_n_u8(64);
  for (; i + 16 <= n; i += 16) {
    uint8x16_t at = vld1q_u8(x + i);
    uint8x16_t found = vqtbl4q_u8(parts[0], at);
    for (int t = 1; t < 4; ++t) {
      at = vsubq_u8(at, next);
      found = vqtbx4q_u8(found, parts[t], at);
    }
    vst1q_u8(y + i, found);
  }
#endif
  for (; i < n; ++i) y[i] = table[x[i]];
}

template <typename T>
void LargestOf(const uint8_t* const* x, int64_t taps, int64_t n, uint8_t* y) {
  int64_t begin = 0;
#if defined(__AVX512F__)
  // Signed bytes are unsigned ones with the top bit turned over, and the order stays.
  const __m512i flip = _mm512_set1_epi8((T)-1 < 0 ? (char)0x80 : 0);
  for (; begin < n; begin += kBytes) {
    __m512i best = _mm512_setzero_si512();
    for (int64_t tap = 0; tap < taps; ++tap)
      best = _mm512_max_epu8(best, _mm512_xor_si512(LoadBytesN(x[tap] + begin, n - begin).v, flip));
    StoreBytesN(y + begin, {_mm512_xor_si512(best, flip)}, n - begin);
  }
#elif defined(__AVX2__)
  const __m256i flip = _mm256_set1_epi8((T)-1 < 0 ? (char)0x80 : 0);
  for (; begin + kBytes <= n; begin += kBytes) {
    __m256i best = _mm256_setzero_si256();
    for (int64_t tap = 0; tap < taps; ++tap) {
      const __m256i item = _mm256_loadu_si256((const __m256i*)(x[tap] + begin));
      best = _mm256_max_epu8(best, _mm256_xor_si256(item, flip));
    }
    _mm256_storeu_si256((__m256i*)(y + begin), _mm256_xor_si256(best, flip));
  }
#elif defined(ORTOLAN_NEON)
  const uint8x16_t flip = vdupq_n_u8((T)-1 < 0 ? 0x80 : 0);
  for (; begin + kBytes <= n; begin += kBytes) {
    uint8x16_t best = vdupq_n_u8(0);
    for (int64_t tap = 0; tap < taps; ++tap) best = vmaxq_u8(best, veorq_u8(vld1q_u8(x[tap] + begin), flip));
    vst1q_u8(y + begin, veorq_u8(best, flip));
  }
#endif
  T* to = (T*)y;
  const T* first = (const T*)x[0];
  for (int64_t i = begin; i < n; ++i) to[i] = first[i];
  for (int64_t tap = 1; tap < taps; ++tap) {
    const T* from = (const T*)x[tap];
    for (int64_t i = begin; i < n; ++i) to[i] = from[i] > to[i] ? from[i] : to[i];
  }
}

void Largest(const uint8_t* const* x, int64_t taps, bool is_signed, int64_t n, uint8_t* y) {
  if (is_signed) {
    LargestOf<int8_t>(x, taps, n, y);
  } else {
    LargestOf<uint8_t>(x, taps, n, y);
  }
}

void Accumulate(const uint8_t* x, bool is_signed, int64_t n, int32_t* sums) {
  if (is_signed) {
    for (int64_t i = 0; i < n; ++i) sums[i] += (int8_t)x[i];
  } else {
    for (int64_t i = 0; i < n; ++i) sums[i] += x[i];
  }
}

template <bool kSigned>
void QuantizeOf(const float* x, float scale, int32_t zero, int64_t n, uint8_t* y) {
  const float low = (float)((kSigned ? -128 : 0) - zero), high = (float)((kSigned ? 127 : 255) - zero);
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t count = n - i < kLanes ? n - i : kLanes;
    const F32 value = (count == kLanes ? Load(x + i) : LoadN(x + i, count)) / Set(scale);
    StoreLowBytes(y + i, ToInt(Min(Max(value, Set(low)), Set(high))) + SetInt(zero), count);
  }
}

void Quantize(const float* x, float scale, int32_t zero, bool is_signed, int64_t n, uint8_t* y) {
  if (is_signed) {
    QuantizeOf<true>(x, scale, zero, n, y);
  } else {
    QuantizeOf<false>(x, scale, zero, n, y);
  }
}

template <bool kSigned>
void DequantizeOf(const uint8_t* x, float scale, int32_t zero, int64_t n, float* y) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t count = n - i < kLanes ? n - i : kLanes;
    const F32 value = ToFloat(LoadWidened(x + i, count, kSigned) - SetInt(zero)) * Set(scale);
    if (count == kLanes) {
      Store(y + i, value);
    } else {
      StoreN(y + i, value, count);
    }
  }
}

void Dequantize(const uint8_t* x, float scale, int32_t zero, bool is_signed, int64_t n, float* y) {
  if (is_signed) {
    DequantizeOf<true>(x, scale, zero, n, y);
  } else {
    DequantizeOf<false>(x, scale, zero, n, y);
  }
}

void Range(const float* x, int64_t n, float* low, float* high) {
  F32 lows = Zero(), highs = Zero();
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const F32 items = Load(x + i);
    lows = Min(items, lows);
    highs = Max(items, highs);
  }
  if (i < n) {
    const F32 items = LoadN(x + i, n - i);
    lows = Min(items, lows);
    highs = Max(items, highs);
  }
  *low = ReduceMin(lows);
  *high = ReduceMax(highs);
}

constexpr ByteMaps MakeByteMaps(const char* name, Isa isa) {
  return {name, isa, &Binary, &Table, &Largest, &Accumulate, &Quantize, &Dequantize, &Range};
}

}  // namespace
}  // namespace ortolan::kernels
