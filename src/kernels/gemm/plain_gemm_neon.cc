// Double and integer products for neon: see plain_gemm_body.h.
#include "base/isa.h"
#include "kernels/gemm/plain_gemm_body.h"

namespace ortolan::kernels {

constexpr PlainGemmVariant kMadePlain = MakePlainGemmVariant("neon", kIsaNeon);
extern const PlainGemmVariant kPlainGemmNeon = kMadePlain;

}  // namespace ortolan::kernels
