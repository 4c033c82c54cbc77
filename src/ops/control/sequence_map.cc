// SequenceMap: a body that runs once for each item of a sequence; what it returns becomes the items of the
// outputs. Further inputs are sequences of the same length, of which the body gets the item too, or tensors,
// which it gets whole.
#include "ops/control/bodies.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  for (size_t i = 0; i < context.output_count(); ++i) {
    const graph::Value* value = BodyOutput(context, "body", i);
    if (value == nullptr)
      return Fail("SequenceMap has {} outputs, its body gives fewer", context.output_count());
    if (value->type.known()) context.output(i).type = ValueType::SequenceOf(value->type);
  }
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {17};
constexpr FormalParameter kInputs[] = {{"input_sequence", "S"}, {"additional_inputs", "V", Arity::kVariadic}};
constexpr FormalParameter kOutputs[] = {{"out_sequence", "S", Arity::kVariadic}};
constexpr TypeConstraint kTypes[] = {{"S", 0, kAllTypes}, {"V", kAllTypes, kAllTypes}};
constexpr AttributeSpec kAttributes[] = {{"body", AttributeType::kGraph, true}};

}  // namespace

extern const OpDef kSequenceMap;
constexpr OpDef kSequenceMap{.domain = "",
                             .name = "SequenceMap",
                             .versions = kVersions,
                             .inputs = kInputs,
                             .outputs = kOutputs,
                             .types = kTypes,
                             .attributes = kAttributes,
                             .traits = {.control_flow = true},
                             .infer = Infer};

}  // namespace ortolan
