// Scan: a body that runs once for each slice of its scan inputs, with states carried along; further outputs
// of the body are stacked along an axis of choice.
#include "ops/control/bodies.h"

namespace ortolan {
namespace {

// Opset 8 had a batch axis and an optional sequence_lens input in front; its body is the same, its axes are
// not.
Status Raise(RaiseContext& context) {
  if (context.opset < 9) return NotImplemented("Scan of opset 8, with its batch axis, is not supported");
  return OkStatus();
}

int64_t At(std::span<const int64_t> list, size_t i) {
  return i < list.size() ? list[i] : 0;
}

Status Infer(InferContext& context) {
  const size_t captured = graph::CapturedCount(context.node());
  const int64_t declared = context.attributes().Int("num_scan_inputs", 0);
  if (declared < 1 || static_cast<size_t>(declared) + captured > context.input_count()) {
    return Fail("Scan has {} inputs, num_scan_inputs is {}", context.input_count() - captured, declared);
  }
  const auto scan_inputs = static_cast<size_t>(declared);
  const size_t states = context.input_count() - captured - scan_inputs;
  graph::Dim length = context.Unknown();
  if (const graph::Shape& shape = context.shape(states); shape.has_rank()) {
    ORTOLAN_ASSIGN_OR_RETURN(
        const int64_t axis, NormalizeAxis(At(context.attributes().Ints("scan_input_axes"), 0), shape.rank()));
    length = shape[static_cast<size_t>(axis)];
  }
  for (size_t i = 0; i < context.output_count(); ++i) {
    const graph::Value* value = BodyOutput(context, "body", i);
    if (value == nullptr) return Fail("Scan has {} outputs, its body gives fewer", context.output_count());
    context.output(i).type = value->type;
    if (i < states) {
      if (context.input(i).present && context.input(i).type.known())
        context.output(i).type = context.input(i).type;
      context.SetShape(i, CommonShape(context.shape(i), value->shape, context));
    } else {
      const int64_t axis = At(context.attributes().Ints("scan_output_axes"), i - states);
      context.SetShape(i, WithDimAt(value->shape, axis, length));
    }
  }
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {8, 9, 11, 16, 19, 21, 23, 24, 25};
constexpr FormalParameter kInputs[] = {{"initial_state_and_scan_inputs", "V", Arity::kVariadic}};
constexpr FormalParameter kOutputs[] = {{"final_state_and_scan_outputs", "V", Arity::kVariadic}};
constexpr TypeConstraint kTypes[] = {{"V", kAllTypes, kAllTypes, kAllTypes}};
constexpr AttributeSpec kAttributes[] = {
    {"body", AttributeType::kGraph, true},           {"num_scan_inputs", AttributeType::kInt, true},
    {"scan_input_directions", AttributeType::kInts}, {"scan_output_directions", AttributeType::kInts},
    {"scan_input_axes", AttributeType::kInts},       {"scan_output_axes", AttributeType::kInts}};
constexpr AttributeSpec kOldAttributes[] = {{"directions", AttributeType::kInts}};

}  // namespace

extern const OpDef kScan;
constexpr OpDef kScan{.domain = "",
                      .name = "Scan",
                      .versions = kVersions,
                      .inputs = kInputs,
                      .outputs = kOutputs,
                      .types = kTypes,
                      .attributes = kAttributes,
                      .traits = {.control_flow = true},
                      .raise = Raise,
                      .infer = Infer,
                      .old_attributes = kOldAttributes};

}  // namespace ortolan
