// The float reductions for neon: see reduce_body.h.
#include "base/isa.h"
#include "kernels/reduce/reduce_body.h"

namespace ortolan::kernels {

extern const ReduceF32Variant kReduceF32Neon;
constexpr ReduceF32Variant kMade{"reduce_f32_neon", kIsaNeon, Row, Columns};
const ReduceF32Variant kReduceF32Neon = kMade;

}  // namespace ortolan::kernels
