// Support vectors for avx2: see svm_body.h.
#include "kernels/svm/svm_body.h"

namespace ortolan::kernels {

extern const SvmVariant kSvmAvx2;
constexpr SvmVariant kMade{"svm_avx2", Isa::kAvx2, Run};
const SvmVariant kSvmAvx2 = kMade;

}  // namespace ortolan::kernels
