// ComplexMulConj: A times the conjugate of B, complex numbers whose parts are pairs along the last axis.
#include "ops/contrib/complex_product.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1};

}  // namespace

extern const OpDef kMsComplexMulConj;
constexpr OpDef kMsComplexMulConj{.domain = "com.microsoft",
                                  .name = "ComplexMulConj",
                                  .versions = kVersions,
                                  .inputs = kFormalAB,
                                  .outputs = kFormalC,
                                  .types = kFloatingT,
                                  .raise = RaiseComplexProduct<true>};

}  // namespace ortolan
