// SwiGLU: the first input through Swish, times the second. Composed of the two, which fuse into one pass.
// Refuses inputs of different shapes.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  graph::Node& node = context.node;
  graph::Value* a = node.input(0);
  graph::Value* b = node.input(1);
  if (a == nullptr || b == nullptr) return InvalidGraph("SwiGLU needs two inputs");
  if (a->shape.IsConstant() && b->shape.IsConstant() && !(a->shape == b->shape)) {
    return Fail("[ShapeInferenceError] SwiGLU: inputs of shapes {} and {}", ShapeText(a->shape),
                ShapeText(b->shape));
  }
  const float alpha = node.attributes.Float("alpha", 1.0f);
  Composer make(context);
  graph::Value* gate = make.Node("Swish", {a}, {{"alpha", alpha}});
  make.Last("Mul", {gate, b});
  return OkStatus();
}

constexpr int kVersions[] = {28};
constexpr FormalParameter kInputs[] = {{"A", "T"}, {"B", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"alpha", graph::AttributeType::kFloat}};

}  // namespace

extern const OpDef kSwiGLU;
constexpr OpDef kSwiGLU{.domain = "",
                        .name = "SwiGLU",
                        .versions = kVersions,
                        .inputs = kInputs,
                        .outputs = kOutputs,
                        .types = kTypes,
                        .attributes = kAttributes,
                        .raise = Raise};

}  // namespace ortolan
