// The float reductions for avx512: see reduce_body.h.
#include "kernels/reduce/reduce_body.h"

namespace ortolan::kernels {

extern const ReduceF32Variant kReduceF32Avx512;
constexpr ReduceF32Variant kMade{"reduce_f32_avx512", Isa::kAvx512, Row, Columns};
const ReduceF32Variant kReduceF32Avx512 = kMade;

}  // namespace ortolan::kernels
