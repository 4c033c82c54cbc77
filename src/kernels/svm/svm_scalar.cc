// Support vectors for scalar: see svm_body.h.
#include "kernels/svm/svm_body.h"

namespace ortolan::kernels {

extern const SvmVariant kSvmScalar;
constexpr SvmVariant kMade{"svm_scalar", Isa::kScalar, Run};
const SvmVariant kSvmScalar = kMade;

}  // namespace ortolan::kernels
