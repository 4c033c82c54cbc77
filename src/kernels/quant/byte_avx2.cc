// The 8-bit products for avx2: see byte_body.h.
#include "kernels/quant/byte_body.h"

namespace ortolan::kernels {
namespace {

constexpr ByteVariant Make() {
  ByteVariant variant = MakeByteVariant("avx2", Isa::kAvx2, false);
  variant.vectors = 2;
  FillPanel<1, 4>(variant);
  FillPanel<2, 4>(variant);
  return variant;
}

}  // namespace

extern const ByteVariant kBytesAvx2;
constexpr ByteVariant kMade = Make();
const ByteVariant kBytesAvx2 = kMade;

}  // namespace ortolan::kernels
