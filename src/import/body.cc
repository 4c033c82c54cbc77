// Bodies of If, Loop, Scan and SequenceMap: graphs of their own, with explicit inputs for what they capture.
#include <algorithm>
#include <unordered_set>

#include "import/builder.h"
#include "ops/compose.h"

namespace ortolan::import {
namespace {

using graph::Dim;
using graph::Shape;
using graph::Value;

struct Known {
  ValueType type;
  Shape shape;
};

Shape WithoutAxis(const Shape& shape, int64_t axis) {
  if (!shape.has_rank()) return {};
  const int64_t rank = shape.rank();
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return {};
  Shape::DimList dims = shape.dims();
  dims.erase(dims.begin() + axis);
  return dims;
}

Known OfLoop(const graph::Node& node, size_t i) {
  if (i == 0) return {ValueType::TensorOf(DType::kInt64), Shape{Shape::DimList()}};
  if (i == 1) return {ValueType::TensorOf(DType::kBool), Shape{Shape::DimList()}};
  const Value* value = node.input(i);
  return value ? Known{value->type, value->shape} : Known{};
}

Known OfScan(const graph::Node& node, size_t i) {
  if (!node.HasInput(0)) return {};  // opset 8: the absent lengths in front, and a batch axis
  const size_t scans = static_cast<size_t>(std::max<int64_t>(node.attributes.Int("num_scan_inputs", 0), 0));
  const size_t inputs = node.inputs().size();
  const Value* value = node.input(i);
  if (value == nullptr || scans > inputs) return {};
  if (i < inputs - scans) return {value->type, value->shape};
  const std::span<const int64_t> axes = node.attributes.Ints("scan_input_axes");
  const size_t scan = i - (inputs - scans);
  return {value->type, WithoutAxis(value->shape, scan < axes.size() ? axes[scan] : 0)};
}

Known OfSequenceMap(const graph::Node& node, size_t i) {
  const Value* value = node.input(i);
  if (value == nullptr) return {};
  const bool sequence = value->type.kind == ValueType::Kind::kSequence;
  return sequence ? Known{*value->type.inner, {}} : Known{value->type, value->shape};
}

// What the node's inputs tell of its body's input i. Scan-8 batches its inputs and is left to its
// declaration.
Known FromOutside(const graph::Node& node, size_t i) {
  if (node.op_type == "Loop") return OfLoop(node, i);
  if (node.op_type == "Scan" && node.attributes.Has("scan_input_axes")) return OfScan(node, i);
  if (node.op_type == "Scan" && !node.attributes.Has("directions")) return OfScan(node, i);
  if (node.op_type == "SequenceMap") return OfSequenceMap(node, i);
  return {};
}

// Carried values of a loop may change their shape from one iteration to the next: a size is believed where
// the body declares it and the value that comes in has it.
Shape Carried(const Shape& outside, const Shape& declared, graph::DimPool& pool) {
  if (!declared.has_rank() || !outside.has_rank() || declared.dims().size() != outside.dims().size())
    return {};
  Shape::DimList dims;
  for (size_t axis = 0; axis < declared.dims().size(); ++axis) {
    const bool agreed = declared[axis].IsConstant() && declared[axis] == outside[axis];
    dims.push_back(agreed ? declared[axis] : pool.Fresh());
  }
  return dims;
}

// Bodies are run with as many values as their node has: the numbers have to agree, or running would read past
// a list.
Status CheckBody(const graph::Node& node, const graph::Graph& body, size_t captured) {
  const size_t inputs = body.inputs().size() - captured;
  size_t expected = node.inputs().size();
  size_t least_outputs = node.outputs().size();
  if (node.op != nullptr && IsComposed(*node.op)) return OkStatus();  // its `raise` knows
  if (node.op_type == "If") {
    expected = 0;
  } else if (node.op_type == "Loop") {
    expected = std::max<size_t>(expected, 2);
    least_outputs = 1 + std::max(least_outputs, expected - 2);
  } else if (node.op_type == "Scan") {
    if (!node.HasInput(0)) --expected;
    const int64_t scans = node.attributes.Int("num_scan_inputs", 0);
    if (scans < 1 || static_cast<size_t>(scans) > expected) {
      return Fail("Node ({}) Op (Scan) num_scan_inputs is {}, there are {} inputs", node.name, scans,
                  expected);
    }
    least_outputs = std::max(least_outputs, expected - static_cast<size_t>(scans));
  }
  if (inputs != expected || body.outputs().size() < least_outputs) {
    return Fail("Node ({}) Op ({}) needs a body of {} inputs and {} outputs, its graph '{}' has {} and {}",
                node.name, node.op_type, expected, least_outputs, body.name, inputs, body.outputs().size());
  }
  return OkStatus();
}

}  // namespace

Result<Builder::Captures> Builder::CapturesOf(const model::NodeView& view, const Scope& scope) {
  Captures captures;
  std::unordered_set<std::string_view> seen;
  for (const model::AttributeView& attribute : view.attributes) {
    if (attribute.objects == nullptr) continue;
    for (const model::GraphView& body : attribute.objects->graph) {
      for (const std::string_view name : names_.Captured(body)) {
        if (!seen.insert(name).second) continue;
        ORTOLAN_ASSIGN_OR_RETURN(Value * value, Lookup(scope, name));
        captures.names.push_back(name);
        captures.values.push_back(value);
        if (value != nullptr && !value->IsConstant()) captures.inputs.push_back(value);
      }
    }
  }
  return captures;
}

Status Builder::AddBodies(const model::NodeView& view, Scope& scope, graph::Node& node,
                          std::vector<Value*>* captured) {
  const auto is_body = [](const model::AttributeView& attribute) {
    return attribute.kind == model::AttributeKind::kGraph && attribute.ref_name.empty();
  };
  if (std::ranges::none_of(view.attributes, is_body)) return OkStatus();
  const LevelGuard level(this);
  ORTOLAN_RETURN_IF_ERROR(level.status());
  ORTOLAN_ASSIGN_OR_RETURN(Captures captures, CapturesOf(view, scope));
  for (const model::AttributeView& attribute : view.attributes) {
    if (!is_body(attribute)) continue;
    if (attribute.objects == nullptr || attribute.objects->graph.empty()) {
      return InvalidGraph("This is an invalid model. Attribute '{}' of node ({}) has no graph",
                          attribute.name, view.name);
    }
    ORTOLAN_ASSIGN_OR_RETURN(std::shared_ptr<graph::Graph> body,
                             ReadBody(attribute.objects->graph.front(), node, captures, scope));
    node.attributes.Set(attribute.name, std::move(body));
  }
  *captured = std::move(captures.inputs);
  return OkStatus();
}

Result<std::shared_ptr<graph::Graph>> Builder::ReadBody(const model::GraphView& view, const graph::Node& node,
                                                        const Captures& captures, const Scope& outer) {
  auto body = std::make_shared<graph::Graph>(outer.graph->dims());
  body->name = view.name;
  Scope scope;
  scope.graph = body.get();
  scope.frame = outer.frame;
  scope.prefix = outer.prefix;
  Declare(view, scope);
  ORTOLAN_RETURN_IF_ERROR(AddBodyInputs(view, node, scope));
  std::unordered_map<const Value*, Value*> inputs;  // one input for each value, whatever its names
  for (const Value* value : captures.inputs) {
    Value* inner = body->NewValue(value->name());
    inner->type = value->type;
    inner->shape = value->shape;
    inner->contents = value->contents;
    body->AddInput(inner);
    inputs.emplace(value, inner);
  }
  // Only what this body reads itself: it may define a name that another body of the node captures.
  std::unordered_map<std::string_view, Value*> outside;
  for (size_t i = 0; i < captures.names.size(); ++i) outside.emplace(captures.names[i], captures.values[i]);
  for (const std::string_view name : names_.Captured(view)) {
    const Value* value = outside.at(name);
    if (value == nullptr) {
      scope.names.emplace(name, nullptr);
    } else if (value->IsConstant()) {
      scope.names.emplace(name, body->NewConstant(value->name(), value->constant()));
    } else {
      scope.names.emplace(name, inputs.at(value));
    }
  }
  ORTOLAN_RETURN_IF_ERROR(AddInitializers(view, scope));
  ORTOLAN_RETURN_IF_ERROR(AddNodes(view.nodes, scope));
  for (const model::ValueInfoView& output : view.outputs) {
    ORTOLAN_ASSIGN_OR_RETURN(Value * value, Lookup(scope, output.name));
    if (value == nullptr) {
      return InvalidGraph("This is an invalid model. Graph output ({}) does not exist in the graph.",
                          output.name);
    }
    body->AddOutput(value);
  }
  ORTOLAN_RETURN_IF_ERROR(CheckBody(node, *body, captures.inputs.size()));
  return body;
}

Status Builder::AddBodyInputs(const model::GraphView& view, const graph::Node& node, Scope& scope) {
  std::unordered_set<std::string_view> initialized;  // models before IR 4 list initializers as inputs, too
  for (const auto& tensor : view.initializers) initialized.insert(tensor.name);
  size_t i = 0;
  for (const model::ValueInfoView& info : view.inputs) {
    if (initialized.contains(info.name)) continue;
    ORTOLAN_ASSIGN_OR_RETURN(DeclaredValue declared, import::Declare(info, free_));
    const Known known = FromOutside(node, i);
    Value* value = scope.graph->NewValue(scope.prefix + std::string(info.name));
    value->type = known.type.known() ? known.type : declared.type;
    if (known.type.known() && declared.type.known() && !(known.type == declared.type)) {
      return Fail(
          "Type Error: Type ({}) of input ({}) of a body of node ({}) does not match the type ({}) that it "
          "is given.",
          TypeText(declared.type), info.name, node.name, TypeText(known.type));
    }
    // Symbols of a body's declaration mean something else in every run of it: they are no symbols of the
    // model.
    for (DeclaredDim& dim : declared.dims) dim.symbol.clear();
    const bool carried = node.op_type == "Loop" && i >= 2;
    // Decoders of searches, which a composed operator puts into a loop of its own, are told by nobody else
    // what they read.
    const bool told = carried || (node.op != nullptr && IsComposed(*node.op));
    const Shape own = told ? ToShape(declared, *scope.graph->dims()) : Shape();
    value->shape = carried ? Carried(known.shape, own, *scope.graph->dims()) : told ? own : known.shape;
    scope.graph->AddInput(value);
    ORTOLAN_RETURN_IF_ERROR(Define(scope, info.name, value));
    ++i;
  }
  return OkStatus();
}

}  // namespace ortolan::import
