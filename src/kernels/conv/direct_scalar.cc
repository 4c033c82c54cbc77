// Strips over blocked input, and over any pixel stride, for scalar.
#include "kernels/conv/direct_body.h"

namespace ortolan::kernels {

extern const StripTable kConvBlocked1Scalar, kConvBlocked2Scalar, kConvAnyScalar;
constexpr StripTable kConvBlocked1Scalar = MakeStrips<2, kBlock>();
constexpr StripTable kConvBlocked2Scalar = MakeStrips<2, 2 * kBlock>();
constexpr StripTable kConvAnyScalar = MakeStrips<2, 0>();

}  // namespace ortolan::kernels
