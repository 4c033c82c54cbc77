// FusedMatMulActivation: FusedMatMul with an activation behind it.
#include "ops/compose.h"
#include "ops/contrib/activation.h"
#include "ops/contrib/product.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * y, FusedProduct(make));
  ORTOLAN_ASSIGN_OR_RETURN(y, ActivatedByGreek(make, y));
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T"}, {"B", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"activation", AttributeType::kString, true},
                                         {"activation_alpha", AttributeType::kFloat},
                                         {"activation_axis", AttributeType::kInt},
                                         {"activation_beta", AttributeType::kFloat},
                                         {"activation_gamma", AttributeType::kFloat},
                                         {"alpha", AttributeType::kFloat},
                                         {"transA", AttributeType::kInt},
                                         {"transB", AttributeType::kInt},
                                         {"transBatchA", AttributeType::kInt},
                                         {"transBatchB", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsFusedMatMulActivation;
constexpr OpDef kMsFusedMatMulActivation{.domain = "com.microsoft",
                                         .name = "FusedMatMulActivation",
                                         .versions = kVersions,
                                         .inputs = kInputs,
                                         .outputs = kOutputs,
                                         .types = kTypes,
                                         .attributes = kAttributes,
                                         .raise = Raise};

}  // namespace ortolan
