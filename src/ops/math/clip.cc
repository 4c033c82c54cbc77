// Clip: min(max(x, min), max); either limit may be absent. Where min is above max the result is max. NaN
// stays NaN.
#include <limits>

#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Tensor ScalarOf(DType dtype, float value) {
  switch (dtype) {
    case DType::kDouble:
      return Tensor::Scalar(static_cast<double>(value));
    case DType::kFloat16:
      return Tensor::Scalar(Float16(value));
    default:
      return Tensor::Scalar(value);
  }
}

// Before opset 11 the limits were attributes, from 6 on with the range of float as their default.
Status Raise(RaiseContext& context) {
  if (context.opset >= 11) return OkStatus();
  graph::Node& node = context.node;
  const DType dtype = node.HasInput(0) ? node.input(0)->type.dtype : DType::kFloat;
  constexpr float kMost = std::numeric_limits<float>::max();
  const auto raise = [&](std::string_view name, size_t index, float otherwise) {
    if (!node.attributes.Has(name) && context.opset < 6) return;
    node.SetInput(index, context.Constant(ScalarOf(dtype, node.attributes.Float(name, otherwise))));
    node.attributes.Remove(name);
  };
  raise("min", 1, -kMost);
  raise("max", 2, kMost);
  return OkStatus();
}

Status Infer(InferContext& context) {
  for (size_t i = 1; i < context.input_count(); ++i) {
    if (!context.HasInput(i) || !context.shape(i).IsConstant()) continue;
    if (!context.shape(i).Count().Is(1))
      return InvalidArgument("{} should be a scalar.", i == 1 ? "min" : "max");
  }
  return InferSameShape(context);
}

Status Emit(EmitContext& context) {
  const Reg x = context.input(0);
  if (context.HasInput(1) && context.HasInput(2)) {
    context.SetOutput(context.Emit(TileOp::kClip, x, context.input(1), context.input(2)));
  } else if (context.HasInput(1)) {
    context.SetOutput(context.Emit(TileOp::kMax, x, context.input(1)));
  } else {
    context.SetOutput(context.HasInput(2) ? context.Emit(TileOp::kMin, x, context.input(2)) : x);
  }
  return OkStatus();
}

constexpr int kVersions[] = {1, 6, 11, 12, 13};
constexpr FormalParameter kInputs[] = {
    {"input", "T"}, {"min", "T", Arity::kOptional}, {"max", "T", Arity::kOptional}};
constexpr AttributeSpec kOldAttributes[] = {{"max", AttributeType::kFloat}, {"min", AttributeType::kFloat}};

}  // namespace

extern const OpDef kClip;
constexpr OpDef kClip{.domain = "",
                      .name = "Clip",
                      .versions = kVersions,
                      .inputs = kInputs,
                      .outputs = kFormalOutput,
                      .types = kNumericT,
                      .traits = {.in_place = 1},
                      .raise = Raise,
                      .infer = Infer,
                      .cost = ElementwiseCost,
                      .emit = Emit,
                      .old_attributes = kOldAttributes};

}  // namespace ortolan
