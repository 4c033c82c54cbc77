// Depthwise rows for avx2.
#include "kernels/conv/depthwise_body.h"
#include "kernels/conv/strip.h"

namespace ortolan::kernels {

extern const DepthwiseKernel kDepthwiseAvx2;
constexpr DepthwiseKernel kDepthwiseAvx2 = DepthwiseRowsKernel;

}  // namespace ortolan::kernels
