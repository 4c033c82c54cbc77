// Moved lanes for avx512.
#include "kernels/conv/lanes_body.h"

namespace ortolan::kernels {

extern const LaneKernel kLanesAvx512;
constexpr LaneKernel kLanesAvx512 = MoveLaneRow;

}  // namespace ortolan::kernels
