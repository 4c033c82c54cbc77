// Floats of 8, 6 and 4 bits as storage types: conversion to and from float, nothing else. Arithmetic happens
// in float, as for float16.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace ortolan {

// What tells the forms apart. The code of the largest finite number also says where NaN and infinity stand:
// the "FN" forms use all codes but the last for numbers, the "UZ" ones have no negative zero and keep its
// code for NaN.
struct SmallFloatFormat {
  int fraction_bits;
  int bias;
  uint8_t sign_bit;
  uint8_t largest;   // code of the largest finite number
  uint8_t infinity;  // code that an overflow without saturation gives; NaN where the form has no infinity
  uint8_t nan;
  bool has_infinity;
  bool has_nan;
  bool has_negative_zero;
};
inline constexpr SmallFloatFormat kE4M3FN{3, 7, 0x80, 0x7e, 0x7f, 0x7f, false, true, true};
inline constexpr SmallFloatFormat kE4M3FNUZ{3, 8, 0x80, 0x7f, 0x80, 0x80, false, true, false};
inline constexpr SmallFloatFormat kE5M2{2, 15, 0x80, 0x7b, 0x7c, 0x7e, true, true, true};
inline constexpr SmallFloatFormat kE5M2FNUZ{2, 16, 0x80, 0x7f, 0x80, 0x80, false, true, false};
// Everything beyond 6 is 6; NaN, which has no code, is -0.
inline constexpr SmallFloatFormat kE2M1{1, 1, 0x08, 0x07, 0x07, 0x08, false, false, true};
// Of 6 bits: the same with 7.5 and 28. The two bits above the sign count for nothing.
inline constexpr SmallFloatFormat kE2M3{3, 1, 0x20, 0x1f, 0x1f, 0x20, false, false, true};
inline constexpr SmallFloatFormat kE3M2{2, 3, 0x20, 0x1f, 0x1f, 0x20, false, false, true};

inline float DecodeSmallFloat(const SmallFloatFormat& format, uint8_t code) {
  const bool negative = (code & format.sign_bit) != 0;
  const uint32_t magnitude = code & (format.sign_bit - 1u);
  if (format.has_nan && !format.has_negative_zero && code == format.nan)
    return std::numeric_limits<float>::quiet_NaN();
  if (format.has_nan && format.has_negative_zero && magnitude > format.largest) {
    if (!format.has_infinity || magnitude > format.infinity) return std::numeric_limits<float>::quiet_NaN();
    return negative ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
  }
  const uint32_t exponent = magnitude >> format.fraction_bits;
  const uint32_t fraction = magnitude & ((1u << format.fraction_bits) - 1);
  const uint32_t whole = exponent == 0 ? fraction : fraction | (1u << format.fraction_bits);
  const int scale = (exponent == 0 ? 1 : static_cast<int>(exponent)) - format.bias - format.fraction_bits;
  const float value = std::ldexp(static_cast<float>(whole), scale);
  return negative ? -value : value;
}

// Rounds to nearest, ties to even. What is too large becomes the largest number with `saturate`, else
// infinity or, where the form has none, NaN. NaN stays NaN.
inline uint8_t EncodeSmallFloat(const SmallFloatFormat& format, float value, bool saturate) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude_bits = bits & 0x7fffffffu;
  const uint8_t sign = (bits >> 31) != 0 ? format.sign_bit : uint8_t{0};
  if (magnitude_bits > 0x7f800000u)
    return format.has_nan && format.has_negative_zero ? uint8_t(format.nan | sign) : format.nan;
  uint32_t code = 0;
  const int exponent = static_cast<int>(magnitude_bits >> 23) - 127;
  if (exponent >= 1 - format.bias) {
    const int dropped = 23 - format.fraction_bits;
    const uint32_t odd = (magnitude_bits >> dropped) & 1;
    const uint32_t rounded = (magnitude_bits + (1u << (dropped - 1)) - 1 + odd) >> dropped;
    code = rounded - (static_cast<uint32_t>(127 - format.bias) << format.fraction_bits);
  } else {  // the fraction counts units of the smallest number; 2^fraction_bits of them are the first normal
            // one
    const float units =
        std::ldexp(std::bit_cast<float>(magnitude_bits), format.bias - 1 + format.fraction_bits);
    code = static_cast<uint32_t>(std::nearbyint(units));
  }
  if (code > format.largest) {
    if (saturate) {
      code = format.largest;
    } else {
      return format.has_negative_zero ? uint8_t(format.infinity | sign) : format.infinity;
    }
  }
  if (code == 0 && !format.has_negative_zero) return 0;
  return static_cast<uint8_t>(code | sign);
}

// float8e8m0: a power of two from 2^-127 to 2^127, or NaN; what scales of microscaling formats are.
enum class PowerRounding : uint8_t { kNearest, kUp, kDown };

inline float DecodePower(uint8_t code) {
  return code == 0xff ? std::numeric_limits<float>::quiet_NaN()
                      : std::ldexp(1.0f, static_cast<int>(code) - 127);
}

// Of the magnitude: the sign is lost, infinity becomes NaN. Zero and everything below 2^-126 that is not
// rounded up become the smallest power.
inline uint8_t EncodePower(float value, bool saturate, PowerRounding rounding) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t exponent = (bits >> 23) & 0xff;
  if (exponent == 0xff) return 0xff;
  const uint32_t fraction = bits & 0x7fffff;
  bool up = rounding == PowerRounding::kUp && fraction != 0;
  if (rounding == PowerRounding::kNearest) {
    const bool half = (fraction & 0x400000) != 0, above = (fraction & 0x3fffff) != 0;
    up = half && (above || exponent > 0);
  }
  if (up && saturate && exponent == 0xfe) up = false;
  return static_cast<uint8_t>(exponent + (up ? 1 : 0));
}

}  // namespace ortolan
