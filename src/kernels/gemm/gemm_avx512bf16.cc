// The GEMM kernels over pairs of bfloat16: see gemm_body.h.
#define ORTOLAN_GEMM_PAIRS 1
#include "kernels/gemm/gemm_body.h"

namespace ortolan::kernels {

constexpr GemmVariant kMade = MakeGemmVariant<14, 2>("gemm_bf16_14x32_avx512bf16", Isa::kAvx512);
extern const GemmVariant kGemmBf16Avx512 = kMade;

}  // namespace ortolan::kernels
