// Rows of blocked pools for avx2.
#include "kernels/pool/blocked_body.h"

namespace ortolan::kernels {

extern const PoolVariant kPoolAvx2;
constexpr PoolVariant kPoolAvx2{"avx2", Isa::kAvx2, kBlock, MaxRow, AverageRow, Mean};

}  // namespace ortolan::kernels
