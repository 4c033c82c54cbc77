// Support vectors for neon: see svm_body.h.
#include "base/isa.h"
#include "kernels/svm/svm_body.h"

namespace ortolan::kernels {

extern const SvmVariant kSvmNeon;
constexpr SvmVariant kMade{"svm_neon", kIsaNeon, Run};
const SvmVariant kSvmNeon = kMade;

}  // namespace ortolan::kernels
