// Double and integer products for avx512: see plain_gemm_body.h.
#include "kernels/gemm/plain_gemm_body.h"

namespace ortolan::kernels {

constexpr PlainGemmVariant kMadePlain = MakePlainGemmVariant("avx512", Isa::kAvx512);
extern const PlainGemmVariant kPlainGemmAvx512 = kMadePlain;

}  // namespace ortolan::kernels
