// The integer product for neon: see integer_product_body.h.
#include "base/isa.h"
#include "kernels/quant/integer_product_body.h"

namespace ortolan::kernels {

extern const IntegerProductVariant kIntegerProductNeon;
constexpr IntegerProductVariant kMade{"integer_product_2x4_neon", kIsaNeon, Tile};
const IntegerProductVariant kIntegerProductNeon = kMade;

}  // namespace ortolan::kernels
