// The f32 GEMM kernels for avx512: see gemm_body.h.
#include "kernels/gemm/gemm_body.h"

namespace ortolan::kernels {

constexpr GemmVariant kMade = MakeGemmVariant<14, 2>("gemm_f32_14x32_avx512", Isa::kAvx512);
extern const GemmVariant kGemmF32Avx512 = kMade;

}  // namespace ortolan::kernels
