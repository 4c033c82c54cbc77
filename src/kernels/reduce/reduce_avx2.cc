// The float reductions for avx2: see reduce_body.h.
#include "kernels/reduce/reduce_body.h"

namespace ortolan::kernels {

extern const ReduceF32Variant kReduceF32Avx2;
constexpr ReduceF32Variant kMade{"reduce_f32_avx2", Isa::kAvx2, Row, Columns};
const ReduceF32Variant kReduceF32Avx2 = kMade;

}  // namespace ortolan::kernels
