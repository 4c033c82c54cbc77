// ComplexMul: the product of complex numbers, whose parts are pairs along the last axis.
#include "ops/contrib/complex_product.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1};

}  // namespace

extern const OpDef kMsComplexMul;
constexpr OpDef kMsComplexMul{.domain = "com.microsoft",
                              .name = "ComplexMul",
                              .versions = kVersions,
                              .inputs = kFormalAB,
                              .outputs = kFormalC,
                              .types = kFloatingT,
                              .raise = RaiseComplexProduct<false>};

}  // namespace ortolan
