// The elementwise operators over 8-bit maps for avx2: see byte_maps_body.h.
#include "kernels/quant/byte_maps_body.h"

namespace ortolan::kernels {

extern const ByteMaps kByteMapsAvx2;
constexpr ByteMaps kMade = MakeByteMaps("avx2", Isa::kAvx2);
const ByteMaps kByteMapsAvx2 = kMade;

}  // namespace ortolan::kernels
