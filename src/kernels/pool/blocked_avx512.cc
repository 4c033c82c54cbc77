// Rows of blocked pools for avx512.
#include "kernels/pool/blocked_body.h"

namespace ortolan::kernels {

extern const PoolVariant kPoolAvx512;
constexpr PoolVariant kPoolAvx512{"avx512", Isa::kAvx512, kBlock, MaxRow, AverageRow, Mean};

}  // namespace ortolan::kernels
