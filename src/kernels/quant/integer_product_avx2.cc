// The integer product for avx2: see integer_product_body.h.
#include "kernels/quant/integer_product_body.h"

namespace ortolan::kernels {

extern const IntegerProductVariant kIntegerProductAvx2;
constexpr IntegerProductVariant kMade{"integer_product_2x4_avx2", Isa::kAvx2, Tile};
const IntegerProductVariant kIntegerProductAvx2 = kMade;

}  // namespace ortolan::kernels
