// The vote over trees for neon: see tree_body.h.
#include "base/isa.h"
#include "kernels/tree/tree_body.h"

namespace ortolan::kernels {

extern const TreeVariant kTreeNeon;
// The costs are guessed: twice the vectors that AVX2 needs.
constexpr TreeVariant kMade{"tree_neon", kIsaNeon, 20, 36, Vote<float>, Vote<double>};
const TreeVariant kTreeNeon = kMade;

}  // namespace ortolan::kernels
