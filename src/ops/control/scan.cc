// Scan: a body that runs once for each slice of its scan inputs, with states carried along; further outputs
// of the body are stacked along an axis of choice.
#include <algorithm>

#include "ops/control/bodies.h"

namespace ortolan {
namespace {

// A value without its first axis, as an input of `body`.
graph::Value* Unbatched(const graph::Value* value, graph::Graph& body) {
  graph::Value* input = body.NewValue(value->name());
  input->type = value->type;
  if (value->shape.has_rank() && value->shape.rank() > 0) {
    input->shape = graph::Shape::DimList(value->shape.dims().begin() + 1, value->shape.dims().end());
  }
  body.AddInput(input);
  return input;
}

// Opset 8 had a batch axis in front of everything and an optional sequence_lens input: it becomes a scan over
// the batch whose body is the scan that was meant.
Status Raise(RaiseContext& context) {
  graph::Node& node = context.node;
  if (context.opset >= 9) return OkStatus();
  if (node.HasInput(0)) return NotImplemented("Scan of opset 8 with sequence_lens is not supported");
  const auto body = std::get<std::shared_ptr<graph::Graph>>(*node.attributes.Find("body"));
  const std::vector<graph::Value*> given(node.inputs().begin() + 1, node.inputs().end());
  const int64_t scans = node.attributes.Int("num_scan_inputs", 0);
  if (std::find(given.begin(), given.end(), nullptr) != given.end())
    return InvalidGraph("Scan lacks an input");
  auto outer = std::make_shared<graph::Graph>(context.graph.dims());
  graph::Node* inner = outer->AppendNode();
  inner->op = node.op;
  inner->op_type = node.op_type;
  inner->name = node.name;
  inner->sources = node.sources;
  inner->attributes.Set("body", body);
  inner->attributes.Set("num_scan_inputs", scans);
  if (const auto directions = node.attributes.Ints("directions"); !directions.empty()) {
    inner->attributes.Set("scan_input_directions",
                          std::vector<int64_t>(directions.begin(), directions.end()));
  }
  for (size_t i = 0; i < given.size(); ++i) inner->SetInput(i, Unbatched(given[i], *outer));
  const size_t captured = body->inputs().size() - given.size();
  for (size_t i = given.size(); i < body->inputs().size(); ++i) {
    graph::Value* input = outer->NewValue(body->inputs()[i]->name());
    input->type = body->inputs()[i]->type;
    input->shape = body->inputs()[i]->shape;
    outer->AddInput(input);
    inner->SetInput(i, input);
  }
  if (captured > 0) inner->attributes.Set(graph::kCapturedAttribute, static_cast<int64_t>(captured));
  for (size_t i = 0; i < body->outputs().size(); ++i) {
    graph::Value* output = outer->NewValue(body->outputs()[i]->name());
    inner->SetOutput(i, output);
    outer->AddOutput(output);
  }
  ORTOLAN_RETURN_IF_ERROR(InferNode(*inner, *context.graph.dims()));
  node.SetInputs(given);
  node.attributes.Remove("directions");
  node.attributes.Set("body", std::move(outer));
  node.attributes.Set("num_scan_inputs", static_cast<int64_t>(given.size()));
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
