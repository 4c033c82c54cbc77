// The kernels over lines for avx512: see line_body.h.
#include "kernels/line/line_body.h"

namespace ortolan::kernels {

extern const LineKernels kLineAvx512;
constexpr LineKernels kMade{"line_avx512", Isa::kAvx512, Eliminate, Combine, StepState, Blend, Overlaps};
const LineKernels kLineAvx512 = kMade;

}  // namespace ortolan::kernels
