// ScaledSiLU: z * sigmoid(z) of z = scale * X, each rounded to the type of X.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  const DType type = make.input(0)->type.dtype;
  graph::Value* x = make.Cast(make.input(0), DType::kFloat);
  graph::Value* scale = make.input(1);
  scale = scale != nullptr
              ? make.Cast(scale, DType::kFloat)
              : make.Number(x, static_cast<double>(context.node.attributes.Float("alpha", 1.0f)));
  graph::Value* z = make.Cast(make.Node("Mul", {x, scale}), type);
  if (type == DType::kFloat) {
    make.Last("Swish", {z});
  } else {
    make.Last("Mul", {z, make.Node("Sigmoid", {z})});
  }
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"scale", "M", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"alpha", AttributeType::kFloat}};

}  // namespace

extern const OpDef kMsScaledSiLU;
constexpr OpDef kMsScaledSiLU{.domain = "com.microsoft",
                              .name = "ScaledSiLU",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .attributes = kAttributes,
                              .raise = Raise};

}  // namespace ortolan
