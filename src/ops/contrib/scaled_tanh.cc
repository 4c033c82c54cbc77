// ScaledTanh: alpha * tanh(beta * x).
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const double alpha = static_cast<double>(context.node.attributes.Float("alpha", 0.0f));
  const double beta = static_cast<double>(context.node.attributes.Float("beta", 0.0f));
  Composer make(context);
  graph::Value* x = make.input(0);
  graph::Value* inner = make.Node("Tanh", {make.Node("Mul", {x, make.Number(x, beta)})});
  make.Last("Mul", {inner, make.Number(x, alpha)});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"alpha", AttributeType::kFloat}, {"beta", AttributeType::kFloat}};

}  // namespace

extern const OpDef kScaledTanh;
constexpr OpDef kScaledTanh{.domain = "",
                            .name = "ScaledTanh",
                            .versions = kVersions,
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .attributes = kAttributes,
                            .raise = Raise};

}  // namespace ortolan
