// Depthwise rows for neon.
#include "kernels/conv/depthwise_body.h"
#include "kernels/conv/strip.h"

namespace ortolan::kernels {

extern const DepthwiseKernel kDepthwiseNeon;
constexpr DepthwiseKernel kDepthwiseNeon = DepthwiseRowsKernel;

}  // namespace ortolan::kernels
