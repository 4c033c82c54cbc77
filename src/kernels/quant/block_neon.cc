// Products with weights in blocks for neon: see block_body.h.
#include "base/isa.h"
#include "kernels/quant/block_body.h"

namespace ortolan::kernels {

extern const BlockVariant kBlocksNeon;
constexpr BlockVariant kMade = MakeBlockVariant<4, 2>("neon", kIsaNeon, false);
const BlockVariant kBlocksNeon = kMade;

}  // namespace ortolan::kernels
