// The elementwise operators over 8-bit maps for scalar: see byte_maps_body.h.
#include "kernels/quant/byte_maps_body.h"

namespace ortolan::kernels {

extern const ByteMaps kByteMapsScalar;
constexpr ByteMaps kMade = MakeByteMaps("scalar", Isa::kScalar);
const ByteMaps kByteMapsScalar = kMade;

}  // namespace ortolan::kernels
