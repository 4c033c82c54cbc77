#include "import/builder.h"

#include <algorithm>
#include <utility>

#include "import/attributes.h"
#include "import/schema.h"
#include "ops/compose.h"

namespace ortolan::import {

using graph::Node;
using graph::Value;
using model::AttributeKind;
using model::AttributeView;
using model::NodeView;

Status Builder::Define(Scope& scope, std::string_view name, Value* value) {
  if (scope.names.emplace(name, value).second) return OkStatus();
  return Fail("This is an invalid model. Error: Duplicate definition of name ({}).", name);
}

Result<Value*> Builder::Lookup(const Scope& scope, std::string_view name) {
  if (name.empty()) return static_cast<Value*>(nullptr);
  if (const auto found = scope.names.find(name); found != scope.names.end()) return found->second;
  return InvalidArgument(
      "Invalid model. Node input '{}' is not a graph input, initializer, or output of a previous node.",
      name);
}

void Builder::Declare(const model::GraphView& view, Scope& scope) {
  for (const auto& info : view.value_info) scope.declared.emplace(info.name, &info);
  for (const auto& info : view.outputs) scope.declared.insert_or_assign(info.name, &info);
}

// ------------------------------------------------------------------------------------------------------
// initializers

Result<Tensor> Builder::Initializer(const model::TensorView& view) {
  const auto given = std::ranges::find(options_.initializers, view.name,
                                       [](const auto& pair) -> std::string_view { return pair.first; });
  if (given == options_.initializers.end()) return tensors_.Read(view);
  const Tensor& tensor = given->second;
  if (static_cast<int>(tensor.dtype()) != view.data_type) {
    return InvalidArgument(
        "The value given for initializer '{}' is a tensor({}), the model's has element type {}", view.name,
        DTypeName(tensor.dtype()), view.data_type);
  }
  if (!std::ranges::equal(tensor.dims(), view.dims)) {
    return InvalidArgument("The value given for initializer '{}' has shape {}, the model's has shape {}",
                           view.name, DimsText(tensor.dims()), DimsText(view.dims));
  }
  return tensor;
}

Status Builder::AddInitializers(const model::GraphView& view, Scope& scope) {
  const auto add = [&](std::string_view name, Tensor tensor) {
    // The last of several definitions counts, as in onnxruntime.
    if (name.empty()) return;
    if (const auto found = scope.names.find(name); found != scope.names.end()) {
      if (found->second != nullptr && found->second->IsConstant())
        found->second->set_constant(std::move(tensor));
      return;
    }
    scope.names.emplace(name, scope.graph->NewConstant(scope.prefix + std::string(name), std::move(tensor)));
  };
  for (const model::TensorView& initializer : view.initializers) {
    ORTOLAN_ASSIGN_OR_RETURN(Tensor tensor, Initializer(initializer));
    add(initializer.name, std::move(tensor));
  }
  for (const model::SparseTensorView& initializer : view.sparse_initializers) {
    ORTOLAN_ASSIGN_OR_RETURN(Tensor tensor, tensors_.ReadSparse(initializer));
    add(initializer.values.name, std::move(tensor));
  }
  return OkStatus();
}

// -------------------------------------------------------------------------------------------------------------
// nodes

Status Builder::AddNodes(const std::vector<NodeView>& nodes, Scope& scope) {
  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<size_t> order, names_.Order(nodes));
  for (const size_t i : order) ORTOLAN_RETURN_IF_ERROR(AddNode(nodes[i], scope));
  return OkStatus();
}

const OpDef* Builder::FindOperator(std::string_view domain, std::string_view name) const {
  for (const OpDef* op : options_.extra_ops) {
    if (op->name == name && CanonicalDomain(op->domain) == domain) return op;
  }
  return FindOp(domain, name);
}

Status Builder::AddNode(const NodeView& view, Scope& scope) {
  if (++nodes_ > options_.most_nodes)
    return Fail("The model has more than {} nodes once functions are inlined", options_.most_nodes);
  const std::string_view domain = CanonicalDomain(view.domain);
  const std::optional<int> opset = scope.frame->opsets->Version(domain);
  if (domain.empty() && view.op_type == "Constant") return AddConstant(view, scope);
  const OpDef* op = domain == "ortolan" ? nullptr : FindOperator(domain, view.op_type);
  if (op != nullptr && opset && FormVersion(*op, *opset) > 0 && view.overload.empty()) {
    return AddOperator(view, *op, *opset, scope);
  }
  if (const Function* function = functions_.Find(domain, view.op_type, view.overload)) {
    return Inline(view, *function, scope);
  }
  return UnknownOperator(view, scope);
}

// Makes the node with its values; a node that fails a check goes down with the whole graph.
Result<Node*> Builder::NewNode(const NodeView& view, Scope& scope) {
  Node* node = scope.graph->AppendNode();
  node->name = view.name.empty() ? std::string() : scope.prefix + std::string(view.name);
  node->op_type = view.op_type;
  node->sources = {node->name};
  // Absent inputs at the end are as good as none.
  size_t inputs = view.inputs.size();
  while (inputs > 0 && view.inputs[inputs - 1].empty()) --inputs;
  std::vector<Value*> values(inputs);
  for (size_t i = 0; i < inputs; ++i) {
    ORTOLAN_ASSIGN_OR_RETURN(values[i], Lookup(scope, view.inputs[i]));
  }
  while (!values.empty() && values.back() == nullptr) values.pop_back();
  node->SetInputs(std::move(values));
  size_t outputs = view.outputs.size();
  while (outputs > 0 && view.outputs[outputs - 1].empty()) --outputs;
  for (size_t i = 0; i < outputs; ++i) {
    const std::string_view name = view.outputs[i];
    if (name.empty()) {
      node->SetOutput(i, nullptr);
      continue;
    }
    Value* value = scope.graph->NewValue(scope.prefix + std::string(name));
    ORTOLAN_RETURN_IF_ERROR(Define(scope, name, value));
    if (const auto declared = scope.declared.find(name); declared != scope.declared.end()) {
      ORTOLAN_ASSIGN_OR_RETURN(value->type, ToValueType(declared->second->type));
    }
    node->SetOutput(i, value);
  }
  return node;
}

// Why an operator that onnxruntime knows can run nowhere but in one of its providers; empty for others.
static std::string_view OnlyElsewhere(std::string_view domain, std::string_view name) {
  constexpr std::pair<std::string_view, std::string_view> kElsewhere[] = {
      {"EPContext", "it holds a part of the model that was compiled for another execution provider"},
      {"Snpe", "it holds a part of the model that was compiled for Qualcomm's SNPE"},
      {"QuantizeBFP", "its number format is that of an accelerator"},
      {"DequantizeBFP", "its number format is that of an accelerator"}};
  if (domain == "com.microsoft") {
    for (const auto& [known, why] : kElsewhere) {
      if (name == known) return why;
    }
  }
  const bool plugin = domain.empty() || domain == "trt.plugins";
  return plugin && name.ends_with("_TRT") ? "it is a plugin of TensorRT" : std::string_view();
}

Status Builder::UnknownOperator(const NodeView& view, Scope& scope) {
  ORTOLAN_ASSIGN_OR_RETURN(const Node* node, NewNode(view, scope));
  const std::string_view domain = CanonicalDomain(view.domain);
  if (const std::string_view why = OnlyElsewhere(domain, view.op_type); !why.empty()) {
    return NotImplemented("Could not find an implementation for {}(1) node with name '{}': {}", view.op_type,
                          view.name, why);
  }
  const std::optional<int> opset = scope.frame->opsets->Version(domain);
  if (!opset)
    return InvalidNode(*node, view.domain, fmt::format("No opset import for domain '{}'", view.domain));
  if (!IsOnnxDomain(domain)) {
    return Fail("Fatal error: {}:{}(-1) is not a registered function/op", view.domain, view.op_type);
  }
  return InvalidNode(*node, view.domain,
                     fmt::format("No Op registered for {} with domain_version of {}", view.op_type, *opset));
}

// A node with bodies has its fixed inputs in place, absent ones too; captured values stand behind all others.
static void CompleteInputs(const std::vector<Value*>& captured, Node& node) {
  for (size_t i = node.inputs().size(); i < node.op->inputs.size(); ++i) {
    if (node.op->inputs[i].arity != Arity::kVariadic) node.SetInput(i, nullptr);
  }
  for (Value* value : captured) node.SetInput(node.inputs().size(), value);
  if (!captured.empty())
    node.attributes.Set(graph::kCapturedAttribute, static_cast<int64_t>(captured.size()));
}

Status Builder::AddOperator(const NodeView& view, const OpDef& op, int opset, Scope& scope) {
  ORTOLAN_ASSIGN_OR_RETURN(Node * node, NewNode(view, scope));
  Node* const before = node->previous();
  node->op = &op;
  const bool newest = IsNewestForm(op, opset);
  const auto check = [&](const std::string& problem) {
    return problem.empty() ? OkStatus() : InvalidNode(*node, view.domain, problem);
  };
  // Older forms may have other counts; what `raise` makes of them is checked instead.
  if (newest) ORTOLAN_RETURN_IF_ERROR(check(CheckCounts(*node, op, opset)));
  ORTOLAN_RETURN_IF_ERROR(AddAttributes(view, op, opset, scope, *node));
  std::vector<Value*> captured;
  ORTOLAN_RETURN_IF_ERROR(AddBodies(view, scope, *node, &captured));
  const bool composed = IsComposed(op);
  if (composed) CompleteInputs(captured, *node);
  // What a composed operator becomes is other operators, which have other types and attributes.
  if (composed && newest) {
    ORTOLAN_RETURN_IF_ERROR(check(CheckRequired(*node, op)));
    ORTOLAN_RETURN_IF_ERROR(CheckInputTypes(*node, op));
  }
  if ((!newest || composed) && op.raise != nullptr) {
    RaiseContext context{*scope.graph, *node, opset};
    Status status = op.raise(context);
    if (!status.ok()) {
      return Error(status.code(), "Node ({}) Op ({}) {}", view.name, view.op_type, status.message());
    }
  }
  Node* const first = before ? before->next() : scope.graph->first();
  // `raise` may have put other nodes in this one's place; those of the same operator are checked against it.
  Node* raised = nullptr;
  for (Node* made = first; made != nullptr; made = made->next()) {
    if (made->op != &op) continue;
    raised = made;
    if (!newest) {
      const std::string problem = CheckCounts(*made, op, opset);
      if (!problem.empty()) return InvalidNode(*made, view.domain, problem);
    }
    const std::string problem = CheckRequired(*made, op);
    if (!problem.empty()) return InvalidNode(*made, view.domain, problem);
  }
  if (op.traits.control_flow && raised != nullptr) CompleteInputs(captured, *raised);
  ORTOLAN_RETURN_IF_ERROR(InferFrom(first, *scope.graph->dims()));
  return CheckDeclared(view, scope);
}

Status Builder::InferFrom(Node* first, graph::DimPool& pool) {
  for (Node* node = first; node != nullptr; node = node->next()) {
    if (node->op == nullptr)
      return Fail("Node ({}) Op ({}) has no operator after raising", node->name, node->op_type);
    ORTOLAN_RETURN_IF_ERROR(CheckInputTypes(*node, *node->op));
    const Status status = InferNode(*node, pool);
    if (!status.ok()) {
      return Error(status.code(), "Node ({}) Op ({}) {}", node->name, node->op_type, status.message());
    }
  }
  return OkStatus();
}

// Declared types are promises that onnxruntime holds a model to; declared shapes are not.
Status Builder::CheckDeclared(const NodeView& view, const Scope& scope) const {
  for (const std::string_view name : view.outputs) {
    const auto declared = scope.declared.find(name);
    const auto value = scope.names.find(name);
    if (name.empty() || declared == scope.declared.end() || value == scope.names.end() ||
        value->second == nullptr) {
      continue;
    }
    ORTOLAN_ASSIGN_OR_RETURN(const ValueType expected, ToValueType(declared->second->type));
    const ValueType& found = value->second->type;
    if (expected.known() && found.known() && !(expected == found)) {
      return Fail("Type Error: Type ({}) of output arg ({}) of node ({}) does not match expected type ({}).",
                  TypeText(expected), name, view.name, TypeText(found));
    }
  }
  return OkStatus();
}

// --------------------------------------------------------------------------------------------------------
// attributes

Result<const AttributeView*> Builder::Resolve(const AttributeView& attribute, const Frame& frame) const {
  if (attribute.ref_name.empty()) return &attribute;
  if (frame.function == nullptr) {
    return InvalidGraph("This is an invalid model. Attribute '{}' refers to '{}' outside of a function",
                        attribute.name, attribute.ref_name);
  }
  const auto found = frame.attributes.find(attribute.ref_name);
  return found == frame.attributes.end() ? nullptr : found->second;
}

Result<graph::AttributeValue> Builder::ReadAttribute(const AttributeView& attribute, AttributeKind kind,
                                                     const Frame& frame) {
  const bool in_function = frame.function != nullptr;
  const bool shared = in_function && (kind == AttributeKind::kTensor || kind == AttributeKind::kSparseTensor);
  if (shared) {
    const auto known = function_tensors_.find(&attribute);
    if (known != function_tensors_.end()) return graph::AttributeValue(known->second);
  }
  if (in_function) {
    expanded_bytes_ += attribute.ints.size() * sizeof(int64_t) + attribute.floats.size() * sizeof(float) +
                       attribute.s.size() + attribute.strings.size() * sizeof(std::string);
    for (const std::string_view text : attribute.strings) expanded_bytes_ += text.size();
    if (expanded_bytes_ > options_.most_expanded_bytes) {
      return Fail("Attributes take more than {} bytes once functions are inlined",
                  options_.most_expanded_bytes);
    }
  }
  ORTOLAN_ASSIGN_OR_RETURN(graph::AttributeValue value, ToAttributeValue(attribute, kind, tensors_));
  if (shared) function_tensors_.emplace(&attribute, *std::get_if<Tensor>(&value));
  return value;
}

Status Builder::AddAttributes(const NodeView& view, const OpDef& op, int opset, Scope& scope, Node& node) {
  const bool newest = IsNewestForm(op, opset);
  for (const AttributeView& own : view.attributes) {
    ORTOLAN_ASSIGN_OR_RETURN(const AttributeView* attribute, Resolve(own, *scope.frame));
    const auto type = attribute ? TypeOf(attribute->kind) : std::nullopt;
    const AttributeSpec* spec = FindAttribute(op, own.name, newest, type);
    if (spec == nullptr && own.name == "consumed_inputs" && opset < 6) continue;
    if (spec == nullptr) {
      return InvalidNode(node, view.domain,
                         fmt::format("Unrecognized attribute: {} for operator {}", own.name, view.op_type));
    }
    if (attribute == nullptr) continue;
    const AttributeKind expected = KindOf(spec->type);
    // An attribute without type and value is an empty list of the declared type.
    const AttributeKind kind = attribute->kind == AttributeKind::kUndefined ? expected : attribute->kind;
    if (kind != expected) {
      return InvalidNode(node, view.domain,
                         fmt::format("Mismatched attribute type in '{} : {}'. Expected: '{}', actual: '{}'",
                                     node.name, own.name, KindName(expected), KindName(kind)));
    }
    if (kind == AttributeKind::kGraph) {
      if (attribute != &own)
        return NotImplemented("Attribute '{}' of a function refers to a graph", own.name);
      continue;  // AddBodies
    }
    ORTOLAN_ASSIGN_OR_RETURN(graph::AttributeValue value, ReadAttribute(*attribute, kind, *scope.frame));
    node.attributes.Set(own.name, std::move(value));
  }
  return OkStatus();
}

}  // namespace ortolan::import
