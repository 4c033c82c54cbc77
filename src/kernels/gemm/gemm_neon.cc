// The f32 GEMM kernels for neon: see gemm_body.h.
#include "base/isa.h"
#include "kernels/gemm/gemm_body.h"

namespace ortolan::kernels {

constexpr GemmVariant kMade = MakeGemmVariant<6, 4>("gemm_f32_6x16_neon", kIsaNeon);
extern const GemmVariant kGemmF32Neon = kMade;

}  // namespace ortolan::kernels
