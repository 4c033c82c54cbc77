// The integer product for avx512: see integer_product_body.h.
#include "kernels/quant/integer_product_body.h"

namespace ortolan::kernels {

extern const IntegerProductVariant kIntegerProductAvx512;
constexpr IntegerProductVariant kMade{"integer_product_2x4_avx512", Isa::kAvx512, Tile};
const IntegerProductVariant kIntegerProductAvx512 = kMade;

}  // namespace ortolan::kernels
