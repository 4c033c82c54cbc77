// Upsample: the old name of Resize. Raising turns it into one, so it is never prepared.
#include "ops/all_ops.h"

namespace ortolan {
namespace {

// Inputs of Resize: X, roi, scales. Scales were an attribute until opset 9; opset 1 named height and width.
Status Raise(RaiseContext& context) {
  graph::Node& node = context.node;
  graph::Attributes& attributes = node.attributes;
  graph::Value* scales = node.input(1);
  if (context.opset < 9) {
    std::vector<float> items(attributes.Floats("scales").begin(), attributes.Floats("scales").end());
    if (context.opset < 7)
      items = {1, 1, attributes.Float("height_scale", 1), attributes.Float("width_scale", 1)};
    scales = context.Constant(
        Tensor::Of<float>({static_cast<int64_t>(items.size())}, std::span<const float>(items)));
  }
  if (scales == nullptr) return InvalidGraph("Upsample: no scales");
  // Where nothing shrinks that is the mode whose rows are copied.
  bool grows = scales->IsConstant() && scales->type.dtype == DType::kFloat;
  if (grows) {
    for (const float scale : scales->constant().Items<const float>()) grows = grows && scale >= 1;
  }
  for (const char* name : {"scales", "height_scale", "width_scale"}) attributes.Remove(name);
  attributes.Set("coordinate_transformation_mode", std::string("asymmetric"));
  attributes.Set("nearest_mode", std::string(grows ? "floor" : "ortolan_simple"));
  node.SetInputs({node.input(0), nullptr, scales});
  node.op = &kResize;
  return OkStatus();
}

Status Infer(InferContext&) {
  return InvalidGraph("Upsample must be raised to Resize");
}

Status Prepare(PrepareContext&, Prepared*) {
  return InvalidGraph("Upsample must be raised to Resize");
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 7, 9, 10};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"scales", "tensor(float)"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {
    {"T", kIntegerTypes | kComplexTypes |
              SetOf(DType::kFloat, DType::kString, DType::kBool, DType::kFloat16, DType::kDouble)}};
constexpr AttributeSpec kAttributes[] = {{"mode", AttributeType::kString}};
constexpr AttributeSpec kOldAttributes[] = {{"height_scale", AttributeType::kFloat},
                                            {"width_scale", AttributeType::kFloat},
                                            {"scales", AttributeType::kFloats}};

}  // namespace

extern const OpDef kUpsample;
constexpr OpDef kUpsample{.domain = "",
                          .name = "Upsample",
                          .versions = kVersions,
                          .inputs = kInputs,
                          .outputs = kOutputs,
                          .types = kTypes,
                          .attributes = kAttributes,
                          .raise = Raise,
                          .infer = Infer,
                          .prepare = Prepare,
                          .old_attributes = kOldAttributes};

}  // namespace ortolan
