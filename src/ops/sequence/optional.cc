// Optional: its input as an optional value; without input an optional of attribute `type` that holds nothing.
#include "ops/sequence/items.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  if (context.output_count() == 0) return OkStatus();
  if (context.HasInput(0)) {
    if (context.input(0).type.known()) context.output(0).type = ValueType::OptionalOf(context.input(0).type);
    return OkStatus();
  }
  const graph::AttributeValue* type = context.attributes().Find("type");
  if (type == nullptr || !std::holds_alternative<ValueType>(*type)) {
    return InvalidArgument("Optional: without an input, attribute type must say what it might hold");
  }
  context.output(0).type = ValueType::OptionalOf(std::get<ValueType>(*type));
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  Value value;
  if (context.HasInput(0)) {
    ORTOLAN_ASSIGN_OR_RETURN(value, sequence::Kept(context, 0));
  }
  context.SetOutputValue(0, std::move(value));
  return OkStatus();
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "optional";
  return OkStatus();
}

constexpr int kVersions[] = {15};
constexpr FormalParameter kInputs[] = {{"input", "V", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "O"}};
constexpr TypeConstraint kTypes[] = {{"V", kAllTypes, kAllTypes}, {"O", 0, 0, kAllTypes}};
constexpr AttributeSpec kAttributes[] = {{"type", graph::AttributeType::kType}};

}  // namespace

extern const OpDef kOptional;
constexpr OpDef kOptional{.domain = "",
                          .name = "Optional",
                          .versions = kVersions,
                          .inputs = kInputs,
                          .outputs = kOutputs,
                          .types = kTypes,
                          .attributes = kAttributes,
                          .infer = Infer,
                          .prepare = Prepare};

}  // namespace ortolan
