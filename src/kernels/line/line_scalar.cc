// The kernels over lines for scalar: see line_body.h.
#include "kernels/line/line_body.h"

namespace ortolan::kernels {

extern const LineKernels kLineScalar;
constexpr LineKernels kMade{"line_scalar", Isa::kScalar, Eliminate, Combine, StepState, Blend, Overlaps};
const LineKernels kLineScalar = kMade;

}  // namespace ortolan::kernels
