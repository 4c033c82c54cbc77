// The float reductions for scalar: see reduce_body.h.
#include "kernels/reduce/reduce_body.h"

namespace ortolan::kernels {

extern const ReduceF32Variant kReduceF32Scalar;
constexpr ReduceF32Variant kMade{"reduce_f32_scalar", Isa::kScalar, Row, Columns};
const ReduceF32Variant kReduceF32Scalar = kMade;

}  // namespace ortolan::kernels
