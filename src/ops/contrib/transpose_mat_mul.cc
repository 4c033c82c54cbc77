// TransposeMatMul: MatMul of operands that may be transposed, times alpha. Refuses to transpose what has an
// unknown rank.
#include "ops/compose.h"
#include "ops/contrib/product.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * y, FusedProduct(make));
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T"}, {"B", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {
    {"alpha", AttributeType::kFloat}, {"transA", AttributeType::kInt}, {"transB", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsTransposeMatMul;
constexpr OpDef kMsTransposeMatMul{.domain = "com.microsoft",
                                   .name = "TransposeMatMul",
                                   .versions = kVersions,
                                   .inputs = kInputs,
                                   .outputs = kOutputs,
                                   .types = kTypes,
                                   .attributes = kAttributes,
                                   .raise = Raise};

}  // namespace ortolan
