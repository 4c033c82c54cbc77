// The integer product for scalar: see integer_product_body.h.
#include "kernels/quant/integer_product_body.h"

namespace ortolan::kernels {

extern const IntegerProductVariant kIntegerProductScalar;
constexpr IntegerProductVariant kMade{"integer_product_2x4_scalar", Isa::kScalar, Tile};
const IntegerProductVariant kIntegerProductScalar = kMade;

}  // namespace ortolan::kernels
