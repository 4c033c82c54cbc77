// Scale: X times a number.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const double scale = static_cast<double>(context.node.attributes.Float("scale", 1.0f));
  Composer make(context);
  make.Last("Mul", {make.input(0), make.Number(make.input(0), scale)});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"scale", AttributeType::kFloat}};

}  // namespace

extern const OpDef kScale;
constexpr OpDef kScale{.domain = "",
                       .name = "Scale",
                       .versions = kVersions,
                       .inputs = kInputs,
                       .outputs = kOutputs,
                       .types = kTypes,
                       .attributes = kAttributes,
                       .raise = Raise};

}  // namespace ortolan
