// Pad: as ONNX has it; pads may stand in one row, and so may the value.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const std::string mode(context.node.attributes.String("mode", "constant"));
  Composer make(context);
  graph::Value* pads = make.Reshaped(make.input(1), {-1});
  graph::Value* value = make.input(2);
  if (value != nullptr) value = make.Node("Reshape", {value, make.Ints({})});
  make.Last("Pad", {make.input(0), pads, value}, {{"mode", mode}});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"data", "T"}, {"pads", "tensor(int64)"}, {"value", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"mode", AttributeType::kString}};

}  // namespace

extern const OpDef kMsPad;
constexpr OpDef kMsPad{.domain = "com.microsoft",
                       .name = "Pad",
                       .versions = kVersions,
                       .inputs = kInputs,
                       .outputs = kOutputs,
                       .types = kTypes,
                       .attributes = kAttributes,
                       .raise = Raise};

}  // namespace ortolan
