// Products with weights in blocks for avx512: see block_body.h.
#include "kernels/quant/block_body.h"

namespace ortolan::kernels {

extern const BlockVariant kBlocksAvx512;
constexpr BlockVariant kMade = MakeBlockVariant<4, 1>("avx512", Isa::kAvx512, false);
const BlockVariant kBlocksAvx512 = kMade;

}  // namespace ortolan::kernels
