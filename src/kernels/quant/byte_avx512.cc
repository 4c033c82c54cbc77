// The 8-bit products for avx512: see byte_body.h.
#include "kernels/quant/byte_body.h"

namespace ortolan::kernels {
namespace {

constexpr ByteVariant Make() {
  ByteVariant variant = MakeByteVariant("avx512", Isa::kAvx512, false);
  variant.vectors = 2;
  FillPanel<1, 8>(variant);
  FillPanel<2, 8>(variant);
  return variant;
}

}  // namespace

extern const ByteVariant kBytesAvx512;
constexpr ByteVariant kMade = Make();
const ByteVariant kBytesAvx512 = kMade;

}  // namespace ortolan::kernels
