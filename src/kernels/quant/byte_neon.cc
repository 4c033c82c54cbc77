// The 8-bit products for neon: see byte_body.h.
#include "base/isa.h"
#include "kernels/quant/byte_body.h"

namespace ortolan::kernels {
namespace {

constexpr ByteVariant Make() {
  ByteVariant variant = MakeByteVariant("neon", kIsaNeon, false);
  variant.vectors = 4;
  FillPanel<1, 8>(variant);
  FillPanel<2, 4>(variant);
  FillPanel<3, 4>(variant);
  FillPanel<4, 3>(variant);
  return variant;
}

}  // namespace

extern const ByteVariant kBytesNeon;
constexpr ByteVariant kMade = Make();
const ByteVariant kBytesNeon = kMade;

}  // namespace ortolan::kernels
