// Moved lanes for neon.
#include "kernels/conv/lanes_body.h"

namespace ortolan::kernels {

extern const LaneKernel kLanesNeon;
constexpr LaneKernel kLanesNeon = MoveLaneRow;

}  // namespace ortolan::kernels
