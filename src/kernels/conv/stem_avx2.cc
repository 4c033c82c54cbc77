// Strips over planar input for avx2.
#include "kernels/conv/direct_body.h"

namespace ortolan::kernels {

extern const StripTable kConvPlanar1Avx2, kConvPlanar2Avx2;
constexpr StripTable kConvPlanar1Avx2 = MakeStrips<6, 1>();
constexpr StripTable kConvPlanar2Avx2 = MakeStrips<6, 2>();

}  // namespace ortolan::kernels
