#include "import/schema.h"

#include <algorithm>
#include <array>

namespace ortolan::import {
namespace {

void AppendValues(const std::vector<graph::Value*>& values, std::string* text) {
  *text += '(';
  for (const graph::Value* value : values) {
    if (value == nullptr) {
      *text += "\"\",";
    } else if (value->type.known()) {
      *text += fmt::format("\"{}\": {},", value->name(), TypeText(value->type));
    } else {
      *text += fmt::format("\"{}\",", value->name());
    }
  }
  *text += ')';
}

struct Range {
  size_t least = 0;
  size_t most = 0;
};

// Variadic parameters want one value at least; those of control flow may have none (If reads what it
// captures, a Loop may carry nothing).
Range CountRange(std::span<const FormalParameter> formals, bool control_flow) {
  Range range;
  for (const FormalParameter& formal : formals) {
    ++range.most;
    if (formal.arity == Arity::kSingle) range.least = range.most;
    if (formal.arity == Arity::kVariadic && !control_flow) range.least = range.most;
    // nothing).
    if (formal.arity == Arity::kVariadic) range.most = SIZE_MAX;
  }
  return range;
}

std::string CheckCount(std::string_view what, size_t count, std::span<const FormalParameter> formals,
                       bool control_flow) {
  const Range range = CountRange(formals, control_flow);
  if (count >= range.least && count <= range.most) return {};
  const size_t shown_most = std::min<size_t>(range.most, INT32_MAX);
  return fmt::format(" has {} size {} not in range [min={}, max={}].", what, count, range.least, shown_most);
}

const FormalParameter* Formal(std::span<const FormalParameter> formals, size_t i) {
  if (formals.empty()) return nullptr;
  if (i < formals.size()) return &formals[i];
  return formals.back().arity == Arity::kVariadic ? &formals.back() : nullptr;
}

const TypeConstraint* FindConstraint(const OpDef& op, std::string_view name) {
  const auto found = std::ranges::find(op.types, name, &TypeConstraint::name);
  return found == op.types.end() ? nullptr : &*found;
}

// The element type inside a sequence, an optional, or both.
DType InnerElement(const ValueType& type) {
  const ValueType* at = &type;
  while (at->inner != nullptr && at->kind != ValueType::Kind::kMap) at = at->inner.get();
  return at->IsTensor() ? at->dtype : DType::kUndefined;
}

bool Allows(const TypeConstraint& constraint, const ValueType& type) {
  switch (type.kind) {
    case ValueType::Kind::kUnknown:
      return true;
    case ValueType::Kind::kTensor:
      return Contains(constraint.tensors, type.dtype);
    case ValueType::Kind::kSequence:
      return Contains(constraint.sequences, InnerElement(type)) ||
             (constraint.sequences != 0 && InnerElement(type) == DType::kUndefined);
    case ValueType::Kind::kOptional:
      return Contains(constraint.optionals, InnerElement(type));
    case ValueType::Kind::kSparseTensor:
    case ValueType::Kind::kMap:
      // No set describes these: a constraint without any set leaves them to `infer`.
      return constraint.tensors == 0 && constraint.sequences == 0 && constraint.optionals == 0;
  }
  return false;
}

}  // namespace

Status InvalidNode(const graph::Node& node, std::string_view domain, std::string_view message) {
  std::string text = fmt::format("This is an invalid model. In Node, (\"{}\", {}, \"{}\", -1) : ", node.name,
                                 node.op_type, domain);
  AppendValues(node.inputs(), &text);
  text += " -> ";
  AppendValues(node.outputs(), &text);
  text += fmt::format(" , Error {}", message);
  return {StatusCode::kInvalidGraph, std::move(text)};
}

int FormVersion(const OpDef& op, int opset) {
  int version = op.versions.empty() ? 1 : 0;
  for (const int since : op.versions) {
    if (since <= opset) version = since;
  }
  return version;
}

std::string SchemaText(const graph::Node& node, const OpDef& op, int opset) {
  const std::string name = node.name.empty() ? std::string() : fmt::format("({})", node.name);
  return fmt::format("Node{} with schema({}::{}:{})", name, op.domain, op.name, FormVersion(op, opset));
}

const AttributeSpec* FindAttribute(const OpDef& op, std::string_view name, bool newest_form,
                                   std::optional<graph::AttributeType> type) {
  const auto matches = [&](const AttributeSpec& spec) {
    return spec.name == name && (!type || *type == spec.type);
  };
  const auto found = std::ranges::find_if(op.attributes, matches);
  if (found != op.attributes.end()) return &*found;
  if (!newest_form) {
    const auto old = std::ranges::find_if(op.old_attributes, matches);
    if (old != op.old_attributes.end()) return &*old;
  }
  // One of another type, for the error.
  return type ? FindAttribute(op, name, newest_form, std::nullopt) : nullptr;
}

std::string CheckCounts(const graph::Node& node, const OpDef& op, int opset) {
  std::string problem = CheckCount("input", node.inputs().size(), op.inputs, op.traits.control_flow);
  if (problem.empty())
    problem = CheckCount("output", node.outputs().size(), op.outputs, op.traits.control_flow);
  if (!problem.empty()) return SchemaText(node, op, opset) + problem;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    const FormalParameter* formal = Formal(op.inputs, i);
    if (!node.HasInput(i) && formal != nullptr && formal->arity == Arity::kSingle) {
      return fmt::format("{}'s input {} is marked single but has an empty string in the graph",
                         SchemaText(node, op, opset), i);
    }
  }
  return {};
}

std::string CheckRequired(const graph::Node& node, const OpDef& op) {
  for (const AttributeSpec& spec : op.attributes) {
    if (spec.required && !node.attributes.Has(spec.name)) {
      return fmt::format("Required attribute '{}' is missing.", spec.name);
    }
  }
  return {};
}

Status CheckInputTypes(const graph::Node& node, const OpDef& op) {
  struct Bound {
    std::string_view parameter;
    const ValueType* type;
  };
  SmallVector<Bound, 8> bound;
  const size_t count = node.inputs().size() - std::min(node.inputs().size(), graph::CapturedCount(node));
  for (size_t i = 0; i < count; ++i) {
    const graph::Value* value = node.input(i);
    const FormalParameter* formal = Formal(op.inputs, i);
    if (value == nullptr || !value->type.known() || formal == nullptr) continue;
    const TypeConstraint* constraint = FindConstraint(op, formal->type);
    const bool allowed =
        constraint ? Allows(*constraint, value->type) : TypeText(value->type) == formal->type;
    if (!allowed) {
      return InvalidGraph(
          "This is an invalid model. Type Error: Type '{}' of input parameter ({}) of operator ({}) in node "
          "({}) is "
          "invalid.",
          TypeText(value->type), value->name(), node.op_type, node.name);
    }
    // Variadic parameters of control flow, and those whose constraint has ONNX's name for such, take values
    // of many types.
    const bool many = formal->arity == Arity::kVariadic && (op.traits.control_flow || formal->type == "TV");
    if (constraint == nullptr || many) continue;
    const auto* other = std::ranges::find(bound, formal->type, &Bound::parameter);
    if (other == bound.end()) {
      bound.push_back({formal->type, &value->type});
    } else if (!(*other->type == value->type)) {
      return Fail(
          "Type Error: Type parameter ({}) of Optype ({}) bound to different types ({} and {} in node ({}).",
          formal->type, node.op_type, TypeText(*other->type), TypeText(value->type), node.name);
    }
  }
  return OkStatus();
}

}  // namespace ortolan::import
