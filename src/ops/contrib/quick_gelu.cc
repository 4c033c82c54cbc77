// QuickGelu: x * sigmoid(alpha * x), which ONNX calls Swish.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const float alpha = context.node.attributes.Float("alpha", 1.702f);
  Composer make(context);
  make.Last("Swish", {make.input(0)}, {{"alpha", alpha}});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"alpha", AttributeType::kFloat}};

}  // namespace

extern const OpDef kMsQuickGelu;
constexpr OpDef kMsQuickGelu{.domain = "com.microsoft",
                             .name = "QuickGelu",
                             .versions = kVersions,
                             .inputs = kInputs,
                             .outputs = kOutputs,
                             .types = kTypes,
                             .attributes = kAttributes,
                             .raise = Raise};

}  // namespace ortolan
