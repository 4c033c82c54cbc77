// Rows of blocked and planar pools for avx2.
#include "kernels/pool/blocked_body.h"
#include "kernels/pool/planar_body.h"

namespace ortolan::kernels {

extern const PoolVariant kPoolAvx2;
constexpr PoolVariant kPoolAvx2{"avx2", Isa::kAvx2, kBlock, MaxRow, AverageRow, Mean, kPlanarPools};

}  // namespace ortolan::kernels
