// Moved lanes for avx2.
#include "kernels/conv/lanes_body.h"

namespace ortolan::kernels {

extern const LaneKernel kLanesAvx2;
constexpr LaneKernel kLanesAvx2 = MoveLaneRow;

}  // namespace ortolan::kernels
