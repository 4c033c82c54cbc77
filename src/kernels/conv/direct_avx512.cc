// Strips over blocked input, and over any pixel stride, for avx512.
#include "kernels/conv/direct_body.h"

namespace ortolan::kernels {

extern const StripTable kConvBlocked1Avx512, kConvBlocked2Avx512, kConvAnyAvx512;
constexpr StripTable kConvBlocked1Avx512 = MakeStrips<14, kBlock>();
constexpr StripTable kConvBlocked2Avx512 = MakeStrips<14, 2 * kBlock>();
constexpr StripTable kConvAnyAvx512 = MakeStrips<14, 0>();

}  // namespace ortolan::kernels
