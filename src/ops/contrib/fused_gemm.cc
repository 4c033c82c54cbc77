// FusedGemm: Gemm with an activation behind it.
#include "ops/compose.h"
#include "ops/contrib/activation.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  Composer make(context);
  graph::Value* y = make.Node("Gemm", {make.input(0), make.input(1), make.input(2)},
                              {{"alpha", attributes.Float("alpha", 1.0f)},
                               {"beta", attributes.Float("beta", 1.0f)},
                               {"transA", attributes.Int("transA", 0)},
                               {"transB", attributes.Int("transB", 0)}});
  ORTOLAN_ASSIGN_OR_RETURN(y, ActivatedByGreek(make, y));
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T"}, {"B", "T"}, {"C", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {
    {"T", SetOf(DType::kFloat, DType::kDouble, DType::kFloat16, DType::kUInt32, DType::kUInt64, DType::kInt32,
                DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"activation", AttributeType::kString},
                                         {"activation_alpha", AttributeType::kFloat},
                                         {"activation_beta", AttributeType::kFloat},
                                         {"activation_gamma", AttributeType::kFloat},
                                         {"alpha", AttributeType::kFloat},
                                         {"beta", AttributeType::kFloat},
                                         {"transA", AttributeType::kInt},
                                         {"transB", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsFusedGemm;
constexpr OpDef kMsFusedGemm{.domain = "com.microsoft",
                             .name = "FusedGemm",
                             .versions = kVersions,
                             .inputs = kInputs,
                             .outputs = kOutputs,
                             .types = kTypes,
                             .attributes = kAttributes,
                             .raise = Raise};

}  // namespace ortolan
