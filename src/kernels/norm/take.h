// Loads and stores that a loop over a row makes of whole vectors first, then of its rest. A masked store
// takes AMD's AVX2 some 20 cycles, a masked load the work of its mask. Included by ISA units only, like
// simd/vec.h.
#pragma once

#include "simd/vec.h"

namespace ortolan::kernels {
namespace {

template <bool kWhole>
inline F32 Take(const float* p, int64_t n) {
  return kWhole ? Load(p) : LoadN(p, n);
}
template <bool kWhole>
inline void Put(float* p, F32 a, int64_t n) {
  kWhole ? Store(p, a) : StoreN(p, a, n);
}

}  // namespace
}  // namespace ortolan::kernels
