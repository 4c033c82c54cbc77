// Strips over blocked input, and over any pixel stride, for avx2.
#include "kernels/conv/direct_body.h"

namespace ortolan::kernels {

extern const StripTable kConvBlocked1Avx2, kConvBlocked2Avx2, kConvAnyAvx2;
constexpr StripTable kConvBlocked1Avx2 = MakeStrips<6, kBlock>();
constexpr StripTable kConvBlocked2Avx2 = MakeStrips<6, 2 * kBlock>();
constexpr StripTable kConvAnyAvx2 = MakeStrips<6, 0>();

}  // namespace ortolan::kernels
