// Strips over planar input for scalar.
#include "kernels/conv/direct_body.h"

namespace ortolan::kernels {

extern const StripTable kConvPlanar1Scalar, kConvPlanar2Scalar;
constexpr StripTable kConvPlanar1Scalar = MakeStrips<2, 1>();
constexpr StripTable kConvPlanar2Scalar = MakeStrips<2, 2>();

}  // namespace ortolan::kernels
