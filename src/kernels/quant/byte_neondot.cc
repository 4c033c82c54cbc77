// The 8-bit products for neondot: see byte_body.h.
#include "base/isa.h"
#include "kernels/quant/byte_body.h"

namespace ortolan::kernels {
namespace {

constexpr ByteVariant Make() {
  ByteVariant variant = MakeByteVariant("neondot", kIsaNeon, true);
  variant.vectors = 4;
  FillPanel<1, 8>(variant);
  FillPanel<2, 8>(variant);
  FillPanel<3, 8>(variant);
  FillPanel<4, 6>(variant);
  return variant;
}

}  // namespace

extern const ByteVariant kBytesNeonDot;
constexpr ByteVariant kMade = Make();
const ByteVariant kBytesNeonDot = kMade;

}  // namespace ortolan::kernels
