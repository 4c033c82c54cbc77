// Depthwise rows for scalar.
#include "kernels/conv/depthwise_body.h"
#include "kernels/conv/strip.h"

namespace ortolan::kernels {

extern const DepthwiseKernel kDepthwiseScalar;
constexpr DepthwiseKernel kDepthwiseScalar = DepthwiseRowsKernel;

}  // namespace ortolan::kernels
