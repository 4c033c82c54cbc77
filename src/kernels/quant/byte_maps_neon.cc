// The elementwise operators over 8-bit maps for neon: see byte_maps_body.h.
#include "base/isa.h"
#include "kernels/quant/byte_maps_body.h"

namespace ortolan::kernels {

extern const ByteMaps kByteMapsNeon;
constexpr ByteMaps kMade = MakeByteMaps("neon", kIsaNeon);
const ByteMaps kByteMapsNeon = kMade;

}  // namespace ortolan::kernels
