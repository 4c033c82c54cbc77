// What the kernel that moves lanes is given; see lanes.h. Plain, because ISA units include it.
#pragma once

#include <cstdint>

namespace ortolan::kernels {

// Lane i of the output is lane at[i] of the input, or left as it is where at[i] is negative.
struct LaneMap {
  int32_t at[16] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
};

// Neighbouring pixels of one block of the output.
struct LaneRow {
  const float* const* inputs = nullptr;  // one block of pixels a map
  const LaneMap* maps = nullptr;
  int64_t count = 0;  // of them
  int64_t pixels = 0;
  float* out = nullptr;
};
using LaneKernel = void (*)(const LaneRow& row);

}  // namespace ortolan::kernels
