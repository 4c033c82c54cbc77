// Support vectors for avx512: see svm_body.h.
#include "kernels/svm/svm_body.h"

namespace ortolan::kernels {

extern const SvmVariant kSvmAvx512;
constexpr SvmVariant kMade{"svm_avx512", Isa::kAvx512, Run};
const SvmVariant kSvmAvx512 = kMade;

}  // namespace ortolan::kernels
