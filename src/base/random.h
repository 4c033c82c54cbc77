// Random numbers by position: Philox 4x32-10, a function of a seed and a counter. Any thread can make any
// part of a stream, so results do not depend on how work was divided.
#pragma once

#include <array>
#include <cstdint>

namespace ortolan {

// Four numbers of 32 random bits.
std::array<uint32_t, 4> Philox(uint64_t seed, uint64_t counter);

// In [0, 1): 24 bits of one number, or 53 bits of two.
inline float UnitFloat(uint32_t bits) {
  return static_cast<float>(bits >> 8) * 0x1p-24f;
}
inline double UnitDouble(uint32_t high, uint32_t low) {
  return static_cast<double>((static_cast<uint64_t>(high) << 21) ^ (low >> 11)) * 0x1p-53;
}

}  // namespace ortolan
