// For tests only: how many of its random cases a test tries. An emulated processor takes a hundred times as
// long as a real one, so `./dev aarch64` sets ORTOLAN_TEST_SHARE=8: every eighth. Cases that were chosen by
// hand are never left out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace ortolan::support {

inline uint32_t Rounds(uint32_t usual) {
  const char* share = std::getenv("ORTOLAN_TEST_SHARE");
  const int divisor = share == nullptr ? 1 : std::atoi(share);
  return divisor <= 1 ? usual : std::max(1u, usual / static_cast<uint32_t>(divisor));
}

}  // namespace ortolan::support
