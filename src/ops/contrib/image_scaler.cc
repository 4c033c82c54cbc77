// ImageScaler: images times a number plus a bias for each channel.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const double scale = static_cast<double>(context.node.attributes.Float("scale", 1.0f));
  const std::span<const float> given = context.node.attributes.Floats("bias");
  const std::vector<float> bias(given.begin(), given.end());
  Composer make(context);
  graph::Value* x = make.input(0);
  graph::Value* shift = make.Constant(Tensor::Of<float>({1, static_cast<int64_t>(bias.size()), 1, 1}, bias));
  graph::Value* scaled = make.Node("Mul", {x, make.Number(x, scale)});
  make.Last("Add", {scaled, make.Cast(shift, x->type.dtype)});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"bias", AttributeType::kFloats}, {"scale", AttributeType::kFloat}};

}  // namespace

extern const OpDef kImageScaler;
constexpr OpDef kImageScaler{.domain = "",
                             .name = "ImageScaler",
                             .versions = kVersions,
                             .inputs = kInputs,
                             .outputs = kOutputs,
                             .types = kTypes,
                             .attributes = kAttributes,
                             .raise = Raise};

}  // namespace ortolan
