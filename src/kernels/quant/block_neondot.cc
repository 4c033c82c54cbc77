// Products with weights in blocks for neondot: see block_body.h.
#include "base/isa.h"
#include "kernels/quant/block_body.h"

namespace ortolan::kernels {

extern const BlockVariant kBlocksNeonDot;
constexpr BlockVariant kMade = MakeBlockVariant<4, 2>("neondot", kIsaNeon, true);
const BlockVariant kBlocksNeonDot = kMade;

}  // namespace ortolan::kernels
