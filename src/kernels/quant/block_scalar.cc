// Products with weights in blocks for scalar: see block_body.h.
#include "kernels/quant/block_body.h"

namespace ortolan::kernels {

extern const BlockVariant kBlocksScalar;
constexpr BlockVariant kMade = MakeBlockVariant<2, 2>("scalar", Isa::kScalar, false);
const BlockVariant kBlocksScalar = kMade;

}  // namespace ortolan::kernels
