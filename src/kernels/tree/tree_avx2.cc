// The vote over trees for avx2: see tree_body.h.
#include "kernels/tree/tree_body.h"

namespace ortolan::kernels {

extern const TreeVariant kTreeAvx2;
constexpr TreeVariant kMade{"tree_avx2", Isa::kAvx2, 10, 18, Vote<float>, Vote<double>};
const TreeVariant kTreeAvx2 = kMade;

}  // namespace ortolan::kernels
