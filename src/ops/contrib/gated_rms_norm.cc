// GatedRMSNorm: RMSNormalization of groups as long as the scale, times an activated gate, computed in float.
// Refuses activations other than silu, swish and sigmoid.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const std::string_view activation = context.node.attributes.String("activation", "silu");
  if (activation != "silu" && activation != "swish" && activation != "sigmoid") {
    return InvalidArgument("GatedRMSNorm: activation cannot be '{}'", activation);
  }
  const float epsilon = context.node.attributes.Float("epsilon", 1e-5f);
  Composer make(context);
  graph::Value* x = make.Cast(make.input(0), DType::kFloat);
  graph::Value* scale = make.Cast(make.input(1), DType::kFloat);
  graph::Value* gate = make.Cast(make.input(2), DType::kFloat);
  graph::Value* shape = make.Node("Shape", {make.input(0)});
  graph::Value* groups =
      make.Node("Concat", {make.Ints({-1}), make.Node("Shape", {scale})}, {{"axis", int64_t{0}}});
  graph::Value* y = make.Node("RMSNormalization", {make.Node("Reshape", {x, groups}), scale},
                              {{"axis", int64_t{-1}}, {"epsilon", epsilon}});
  y = make.Node("Reshape", {y, shape});
  y = make.Node("Mul", {y, make.Node(activation == "sigmoid" ? "Sigmoid" : "Swish", {gate})});
  return make.Finish({make.Cast(y, make.input(0)->type.dtype)});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"scale", "T"}, {"gate", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"activation", AttributeType::kString},
                                         {"epsilon", AttributeType::kFloat}};

}  // namespace

extern const OpDef kMsGatedRMSNorm;
constexpr OpDef kMsGatedRMSNorm{.domain = "com.microsoft",
                                .name = "GatedRMSNorm",
                                .versions = kVersions,
                                .inputs = kInputs,
                                .outputs = kOutputs,
                                .types = kTypes,
                                .attributes = kAttributes,
                                .raise = Raise};

}  // namespace ortolan
