#include "base/random.h"

namespace ortolan {
std::array<uint32_t, 4> Philox(uint64_t seed, uint64_t counter) {
  // The constants and the number of rounds of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
  // easy as 1, 2, 3" (2011).
  constexpr uint32_t kMultiplyA = 0xd2511f53, kMultiplyB = 0xcd9e8d57;
  constexpr uint32_t kBumpA = 0x9e3779b9, kBumpB = 0xbb67ae85;
  std::array<uint32_t, 4> state = {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), 0,
                                   0};
  auto key_a = static_cast<uint32_t>(seed), key_b = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = static_cast<uint64_t>(kMultiplyA) * state[0];
    const uint64_t b = static_cast<uint64_t>(kMultiplyB) * state[2];
    state = {static_cast<uint32_t>(b >> 32) ^ state[1] ^ key_a, static_cast<uint32_t>(b),
             static_cast<uint32_t>(a >> 32) ^ state[3] ^ key_b, static_cast<uint32_t>(a)};
    key_a += kBumpA;
    key_b += kBumpB;
  }
  return state;
}

}  // namespace ortolan
