// Double and integer products for avx2: see plain_gemm_body.h.
#include "kernels/gemm/plain_gemm_body.h"

namespace ortolan::kernels {

constexpr PlainGemmVariant kMadePlain = MakePlainGemmVariant("avx2", Isa::kAvx2);
extern const PlainGemmVariant kPlainGemmAvx2 = kMadePlain;

}  // namespace ortolan::kernels
