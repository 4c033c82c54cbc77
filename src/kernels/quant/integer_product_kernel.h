// The type that ISA units of the integer product fill in: no standard headers but the plain C ones.
#pragma once

#include <stdint.h>

#include "base/cpu.h"

namespace ortolan::kernels {

// One tile, as IntegerProduct describes it.
using IntegerProductTile = void (*)(const int16_t* a, const int16_t* b, int64_t m, int64_t n, int64_t k,
                                    int32_t* c, int64_t c_stride);

struct IntegerProductVariant {
  const char* name;
  Isa isa;
  IntegerProductTile tile;
};

}  // namespace ortolan::kernels
