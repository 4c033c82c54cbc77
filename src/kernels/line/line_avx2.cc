// The kernels over lines for avx2: see line_body.h.
#include "kernels/line/line_body.h"

namespace ortolan::kernels {

extern const LineKernels kLineAvx2;
constexpr LineKernels kMade{"line_avx2", Isa::kAvx2, Eliminate, Combine, StepState, Blend, Overlaps};
const LineKernels kLineAvx2 = kMade;

}  // namespace ortolan::kernels
