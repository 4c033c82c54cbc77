// Strips over planar input for neon.
#include "kernels/conv/direct_body.h"

namespace ortolan::kernels {

extern const StripTable kConvPlanar1Neon, kConvPlanar2Neon;
constexpr StripTable kConvPlanar1Neon = MakeStrips<6, 1>();
constexpr StripTable kConvPlanar2Neon = MakeStrips<6, 2>();

}  // namespace ortolan::kernels
