// The 8-bit products for scalar: see byte_body.h.
#include "kernels/quant/byte_body.h"

namespace ortolan::kernels {
namespace {

constexpr ByteVariant Make() {
  ByteVariant variant = MakeByteVariant("scalar", Isa::kScalar, false);
  variant.vectors = 4;
  FillPanel<1, 4>(variant);
  FillPanel<2, 4>(variant);
  FillPanel<3, 2>(variant);
  FillPanel<4, 2>(variant);
  return variant;
}

}  // namespace

extern const ByteVariant kBytesScalar;
constexpr ByteVariant kMade = Make();
const ByteVariant kBytesScalar = kMade;

}  // namespace ortolan::kernels
