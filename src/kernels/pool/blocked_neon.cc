// Rows of blocked and planar pools for neon.
#include "base/isa.h"
#include "kernels/pool/blocked_body.h"
#include "kernels/pool/planar_body.h"

namespace ortolan::kernels {

extern const PoolVariant kPoolNeon;
constexpr PoolVariant kPoolNeon{"neon", kIsaNeon, kBlock, MaxRow, AverageRow, Mean, kPlanarPools};

}  // namespace ortolan::kernels
