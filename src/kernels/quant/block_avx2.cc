// Products with weights in blocks for avx2: see block_body.h.
#include "kernels/quant/block_body.h"

namespace ortolan::kernels {

extern const BlockVariant kBlocksAvx2;
constexpr BlockVariant kMade = MakeBlockVariant<2, 1>("avx2", Isa::kAvx2, false);
const BlockVariant kBlocksAvx2 = kMade;

}  // namespace ortolan::kernels
