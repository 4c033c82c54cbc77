// Rows of blocked and planar pools for avx512.
#include "kernels/pool/blocked_body.h"
#include "kernels/pool/planar_body.h"

namespace ortolan::kernels {

extern const PoolVariant kPoolAvx512;
constexpr PoolVariant kPoolAvx512{"avx512", Isa::kAvx512, kBlock, MaxRow, AverageRow, Mean, kPlanarPools};

}  // namespace ortolan::kernels
