// The kernels over lines for neon: see line_body.h.
#include "base/isa.h"
#include "kernels/line/line_body.h"

namespace ortolan::kernels {

extern const LineKernels kLineNeon;
constexpr LineKernels kMade{"line_neon", kIsaNeon, Eliminate, Combine, StepState, Blend, Overlaps};
const LineKernels kLineNeon = kMade;

}  // namespace ortolan::kernels
