// Strips over planar input for avx512.
#include "kernels/conv/direct_body.h"

namespace ortolan::kernels {

extern const StripTable kConvPlanar1Avx512, kConvPlanar2Avx512;
constexpr StripTable kConvPlanar1Avx512 = MakeStrips<14, 1>();
constexpr StripTable kConvPlanar2Avx512 = MakeStrips<14, 2>();

}  // namespace ortolan::kernels
