// The f32 GEMM kernels for scalar: see gemm_body.h.
#include "kernels/gemm/gemm_body.h"

namespace ortolan::kernels {

constexpr GemmVariant kMade = MakeGemmVariant<4, 4>("gemm_f32_4x4_scalar", Isa::kScalar);
extern const GemmVariant kGemmF32Scalar = kMade;

}  // namespace ortolan::kernels
