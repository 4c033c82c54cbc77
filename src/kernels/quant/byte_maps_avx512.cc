// The elementwise operators over 8-bit maps for avx512: see byte_maps_body.h.
#include "kernels/quant/byte_maps_body.h"

namespace ortolan::kernels {

extern const ByteMaps kByteMapsAvx512;
constexpr ByteMaps kMade = MakeByteMaps("avx512", Isa::kAvx512);
const ByteMaps kByteMapsAvx512 = kMade;

}  // namespace ortolan::kernels
