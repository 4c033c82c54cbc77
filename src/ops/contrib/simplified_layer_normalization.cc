// SimplifiedLayerNormalization: what ONNX calls RMSNormalization; also 1 / sqrt(mean(x * x) + epsilon).
#include "ops/compose.h"
#include "ops/contrib/skip_normalization.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t axis = attributes.Int("axis", -1);
  const float epsilon = attributes.Float("epsilon", 1e-5f);
  Composer make(context);
  graph::Value* y =
      make.Node("RMSNormalization", {make.input(0), make.input(1)}, {{"axis", axis}, {"epsilon", epsilon}});
  graph::Value* deviation = nullptr;
  if (make.Wants(1)) {
    ORTOLAN_ASSIGN_OR_RETURN(deviation, InverseRms(make, make.input(0), axis, epsilon));
  }
  return make.Finish({y, deviation});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"scale", "V"}};
constexpr FormalParameter kOutputs[] = {{"Y", "V"}, {"inv_std_var", "U", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {
    {"T", kFloatTypes}, {"U", SetOf(DType::kFloat, DType::kDouble)}, {"V", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {
    {"axis", AttributeType::kInt}, {"epsilon", AttributeType::kFloat}, {"stash_type", AttributeType::kInt}};

}  // namespace

extern const OpDef kSimplifiedLayerNormalization;
constexpr OpDef kSimplifiedLayerNormalization{.domain = "",
                                              .name = "SimplifiedLayerNormalization",
                                              .versions = kVersions,
                                              .inputs = kInputs,
                                              .outputs = kOutputs,
                                              .types = kTypes,
                                              .attributes = kAttributes,
                                              .raise = Raise};

}  // namespace ortolan
