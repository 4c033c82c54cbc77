// The f32 GEMM kernels for avx2: see gemm_body.h.
#include "kernels/gemm/gemm_body.h"

namespace ortolan::kernels {

constexpr GemmVariant kMade = MakeGemmVariant<6, 2>("gemm_f32_6x16_avx2", Isa::kAvx2);
extern const GemmVariant kGemmF32Avx2 = kMade;

}  // namespace ortolan::kernels
