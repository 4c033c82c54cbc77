// QLinearSoftmax: Softmax of an 8-bit tensor with scales and zero points, along an axis or, as below opset
// 13, over all from an axis on.
#include "ops/contrib/qdq.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Qdq make(context);
  const int64_t opset = context.node.attributes.Int("opset", 13);
  const int64_t axis = context.node.attributes.Int("axis", opset < 13 ? 1 : -1);
  graph::Value* x = make.Floats(0);
  if (opset >= 13) {
    make.Finish(make.Node("Softmax", {x}, {{"axis", axis}}), 3, 4);
    return OkStatus();
  }
  graph::Value* rows = make.Node("Flatten", {x}, {{"axis", axis}});
  rows = make.Node("Softmax", {rows}, {{"axis", int64_t{1}}});
  make.Finish(make.Node("Reshape", {rows, make.Node("Shape", {x})}), 3, 4);
  return OkStatus();
}

constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"},
                                       {"X_scale", "tensor(float)"},
                                       {"x_zero_point", "T", Arity::kOptional},
                                       {"y_scale", "tensor(float)"},
                                       {"y_zero_point", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kBytes}};
constexpr AttributeSpec kAttributes[] = {{"axis", graph::AttributeType::kInt},
                                         {"opset", graph::AttributeType::kInt}};

}  // namespace

extern const OpDef kMsQLinearSoftmax;
constexpr OpDef kMsQLinearSoftmax{.domain = "com.microsoft",
                                  .name = "QLinearSoftmax",
                                  .versions = kVersions,
                                  .inputs = kInputs,
                                  .outputs = kOutputs,
                                  .types = kTypes,
                                  .attributes = kAttributes,
                                  .raise = Raise};

}  // namespace ortolan
