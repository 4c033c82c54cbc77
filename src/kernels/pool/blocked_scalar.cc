// Rows of blocked pools for scalar.
#include "kernels/pool/blocked_body.h"

namespace ortolan::kernels {

extern const PoolVariant kPoolScalar;
constexpr PoolVariant kPoolScalar{"scalar", Isa::kScalar, kBlock, MaxRow, AverageRow, Mean};

}  // namespace ortolan::kernels
