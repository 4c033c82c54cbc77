// Without vectors of rows there is no vote: every row is walked.
#include "kernels/tree/tree_kernel.h"

namespace ortolan::kernels {

extern const TreeVariant kTreeScalar;
constexpr TreeVariant kMade{"tree_scalar", Isa::kScalar, 0, 0, nullptr, nullptr};
const TreeVariant kTreeScalar = kMade;

}  // namespace ortolan::kernels
