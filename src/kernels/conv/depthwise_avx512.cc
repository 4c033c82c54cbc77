// Depthwise rows for avx512.
#include "kernels/conv/depthwise_body.h"
#include "kernels/conv/strip.h"

namespace ortolan::kernels {

extern const DepthwiseKernel kDepthwiseAvx512;
constexpr DepthwiseKernel kDepthwiseAvx512 = DepthwiseRowsKernel;

}  // namespace ortolan::kernels
