// Rows of blocked and planar pools for scalar.
#include "kernels/pool/blocked_body.h"
#include "kernels/pool/planar_body.h"

namespace ortolan::kernels {

extern const PoolVariant kPoolScalar;
constexpr PoolVariant kPoolScalar{"scalar", Isa::kScalar, kBlock, MaxRow, AverageRow, Mean, kPlanarPools};

}  // namespace ortolan::kernels
