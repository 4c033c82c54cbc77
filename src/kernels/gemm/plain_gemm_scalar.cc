// Double and integer products for scalar: see plain_gemm_body.h.
#include "kernels/gemm/plain_gemm_body.h"

namespace ortolan::kernels {

constexpr PlainGemmVariant kMadePlain = MakePlainGemmVariant("scalar", Isa::kScalar);
extern const PlainGemmVariant kPlainGemmScalar = kMadePlain;

}  // namespace ortolan::kernels
