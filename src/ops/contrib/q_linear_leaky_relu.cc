// QLinearLeakyRelu: LeakyRelu of an 8-bit tensor with scales and zero points.
#include "ops/contrib/qdq.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Qdq make(context);
  const float alpha = context.node.attributes.Float("alpha", 0.01f);
  make.Finish(make.Node("LeakyRelu", {make.Floats(0)}, {{"alpha", alpha}}), 3, 4);
  return OkStatus();
}

constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"},
                                       {"X_scale", "tensor(float)"},
                                       {"X_zero_point", "T", Arity::kOptional},
                                       {"Y_scale", "tensor(float)"},
                                       {"Y_zero_point", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kBytes}};
constexpr AttributeSpec kAttributes[] = {{"alpha", graph::AttributeType::kFloat}};

}  // namespace

extern const OpDef kMsQLinearLeakyRelu;
constexpr OpDef kMsQLinearLeakyRelu{.domain = "com.microsoft",
                                    .name = "QLinearLeakyRelu",
                                    .versions = kVersions,
                                    .inputs = kInputs,
                                    .outputs = kOutputs,
                                    .types = kTypes,
                                    .attributes = kAttributes,
                                    .raise = Raise};

}  // namespace ortolan
