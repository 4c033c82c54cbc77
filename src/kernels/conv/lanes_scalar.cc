// Moved lanes for scalar.
#include "kernels/conv/lanes_body.h"

namespace ortolan::kernels {

extern const LaneKernel kLanesScalar;
constexpr LaneKernel kLanesScalar = MoveLaneRow;

}  // namespace ortolan::kernels
