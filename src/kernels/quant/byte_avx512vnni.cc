// The 8-bit products for avx512vnni: see byte_body.h.
#include "kernels/quant/byte_body.h"

namespace ortolan::kernels {
namespace {

constexpr ByteVariant Make() {
  ByteVariant variant = MakeByteVariant("avx512vnni", Isa::kAvx512, true);
  variant.vectors = 4;
  FillPanel<1, 8>(variant);
  FillPanel<2, 8>(variant);
  FillPanel<3, 8>(variant);
  FillPanel<4, 6>(variant);
  return variant;
}

}  // namespace

extern const ByteVariant kBytesAvx512Vnni;
constexpr ByteVariant kMade = Make();
const ByteVariant kBytesAvx512Vnni = kMade;

}  // namespace ortolan::kernels
