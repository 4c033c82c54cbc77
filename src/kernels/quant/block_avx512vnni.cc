// Products with weights in blocks for avx512vnni: see block_body.h.
#include "kernels/quant/block_body.h"

namespace ortolan::kernels {

extern const BlockVariant kBlocksAvx512Vnni;
constexpr BlockVariant kMade = MakeBlockVariant<4, 2>("avx512vnni", Isa::kAvx512, true);
const BlockVariant kBlocksAvx512Vnni = kMade;

}  // namespace ortolan::kernels
