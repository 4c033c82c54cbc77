// The vote over trees for avx512: see tree_body.h.
#include "kernels/tree/tree_body.h"

namespace ortolan::kernels {

extern const TreeVariant kTreeAvx512;
constexpr TreeVariant kMade{"tree_avx512", Isa::kAvx512, 8, 11, Vote<float>, Vote<double>};
const TreeVariant kTreeAvx512 = kMade;

}  // namespace ortolan::kernels
