// Constant nodes: each form of their attribute becomes a constant of the graph, no node remains.
#include "import/attributes.h"
#include "import/builder.h"
#include "import/schema.h"

namespace ortolan::import {
namespace {

using model::AttributeKind;

struct Form {
  std::string_view name;
  AttributeKind kind;
};

constexpr Form kForms[] = {
    {"value", AttributeKind::kTensor},        {"sparse_value", AttributeKind::kSparseTensor},
    {"value_float", AttributeKind::kFloat},   {"value_floats", AttributeKind::kFloats},
    {"value_int", AttributeKind::kInt},       {"value_ints", AttributeKind::kInts},
    {"value_string", AttributeKind::kString}, {"value_strings", AttributeKind::kStrings},
};

template <typename T>
Tensor Vector(const std::vector<T>& items) {
  return Tensor::Of<T>({static_cast<int64_t>(items.size())}, items);
}

Result<Tensor> Strings(const Dims& dims, std::span<const std::string> items) {
  ORTOLAN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(DType::kString, dims));
  std::copy(items.begin(), items.end(), tensor.Items<std::string>().begin());
  return tensor;
}

// The tensor that an attribute's value means.
struct ToTensor {
  Result<Tensor> operator()(Tensor& tensor) const { return std::move(tensor); }
  Result<Tensor> operator()(float item) const { return Tensor::Scalar<float>(item); }
  Result<Tensor> operator()(int64_t item) const { return Tensor::Scalar<int64_t>(item); }
  Result<Tensor> operator()(const std::string& item) const { return Strings({}, {&item, 1}); }
  Result<Tensor> operator()(const std::vector<float>& items) const { return Vector(items); }
  Result<Tensor> operator()(const std::vector<int64_t>& items) const { return Vector(items); }
  Result<Tensor> operator()(const std::vector<std::string>& items) const {
    return Strings({static_cast<int64_t>(items.size())}, items);
  }
  template <typename Other>
  Result<Tensor> operator()(const Other&) const {
    return InvalidGraph("Not a value of Constant");
  }
};

}  // namespace

Result<Tensor> Builder::ConstantOf(const model::AttributeView& attribute, const Frame& frame) {
  const auto* form = std::ranges::find(kForms, attribute.name, &Form::name);
  if (form == std::end(kForms)) {
    return InvalidGraph("Unrecognized attribute: {} for operator Constant", attribute.name);
  }
  ORTOLAN_ASSIGN_OR_RETURN(const model::AttributeView* resolved, Resolve(attribute, frame));
  if (resolved == nullptr)
    return InvalidGraph("Constant's attribute '{}' was not given a value", attribute.name);
  const AttributeKind kind = resolved->kind == AttributeKind::kUndefined ? form->kind : resolved->kind;
  if (kind != form->kind) {
    return InvalidGraph("Mismatched attribute type in '{}'. Expected: '{}', actual: '{}'", attribute.name,
                        KindName(form->kind), KindName(kind));
  }
  ORTOLAN_ASSIGN_OR_RETURN(graph::AttributeValue value, ReadAttribute(*resolved, kind, frame));
  ORTOLAN_ASSIGN_OR_RETURN(Tensor tensor, std::visit(ToTensor(), value));
  if (!tensor.defined()) return Fail("Out of memory");
  return tensor;
}

Status Builder::AddConstant(const model::NodeView& view, Scope& scope) {
  if (view.attributes.size() != 1 || !view.inputs.empty() || view.outputs.size() != 1) {
    return InvalidGraph(
        "This is an invalid model. Error in Node:{} : One and only one of the attributes 'value', 'value_*' "
        "or "
        "'sparse_value' must be specified for a Constant node, which has no input and one output.",
        view.name);
  }
  Result<Tensor> tensor = ConstantOf(view.attributes.front(), *scope.frame);
  if (!tensor.ok()) {
    const Status status = std::move(tensor).status();
    return Error(status.code(), "This is an invalid model. Error in Node:{} : {}", view.name,
                 status.message());
  }
  if (view.outputs.front().empty()) return OkStatus();
  graph::Value* value =
      scope.graph->NewConstant(scope.prefix + std::string(view.outputs.front()), std::move(*tensor));
  ORTOLAN_RETURN_IF_ERROR(Define(scope, view.outputs.front(), value));
  return CheckDeclared(view, scope);
}

}  // namespace ortolan::import
