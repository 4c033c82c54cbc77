// Strips over blocked input, and over any pixel stride, for neon.
#include "kernels/conv/direct_body.h"

namespace ortolan::kernels {

extern const StripTable kConvBlocked1Neon, kConvBlocked2Neon, kConvAnyNeon;
constexpr StripTable kConvBlocked1Neon = MakeStrips<6, kBlock>();
constexpr StripTable kConvBlocked2Neon = MakeStrips<6, 2 * kBlock>();
constexpr StripTable kConvAnyNeon = MakeStrips<6, 0>();

}  // namespace ortolan::kernels
