// What inference does for every operator: types from the declaration, broadcasting, integer contents.
#include <algorithm>

#include "ops/op.h"

namespace ortolan {
namespace {

using graph::Contents;
using graph::Dim;
using graph::Shape;

// More integers than this are data and no operator's shape argument.
constexpr int64_t kMostInts = 1 << 16;

// The formal parameter of position i; the last one is for all the rest where it is variadic. Null past the
// end.
const FormalParameter* Formal(std::span<const FormalParameter> formals, size_t i) {
  if (i < formals.size()) return &formals[i];
  return !formals.empty() && formals.back().arity == Arity::kVariadic ? &formals.back() : nullptr;
}

bool Unwrap(std::string_view text, std::string_view outer, std::string_view* inner) {
  if (!text.starts_with(outer) || !text.ends_with(")") || text.size() < outer.size() + 2) return false;
  if (text[outer.size()] != '(') return false;
  *inner = text.substr(outer.size() + 1, text.size() - outer.size() - 2);
  return true;
}

DType ParseDType(std::string_view name) {
  for (int i = 1; i < kDTypeCount; ++i) {
    if (DTypeName(static_cast<DType>(i)) == name) return static_cast<DType>(i);
  }
  return DType::kUndefined;
}

// "tensor(int64)", "seq(tensor(float))", "map(string,tensor(float))": a plain type in a declaration, or
// unknown.
ValueType ParseType(std::string_view text) {
  std::string_view inner;
  if (Unwrap(text, "tensor", &inner)) return ValueType::TensorOf(ParseDType(inner));
  if (Unwrap(text, "seq", &inner)) return ValueType::SequenceOf(ParseType(inner));
  if (Unwrap(text, "optional", &inner)) return ValueType::OptionalOf(ParseType(inner));
  if (Unwrap(text, "map", &inner)) {
    const size_t comma = inner.find(',');
    if (comma == std::string_view::npos) return {};
    return ValueType::MapOf(ParseDType(inner.substr(0, comma)), ParseType(inner.substr(comma + 1)));
  }
  return {};
}

const TypeConstraint* FindConstraint(const OpDef& op, std::string_view name) {
  for (const TypeConstraint& constraint : op.types) {
    if (constraint.name == name) return &constraint;
  }
  return nullptr;
}

ValueType TypeOfOutput(const InferContext& context, const OpDef& op, const FormalParameter& output) {
  const TypeConstraint* constraint = FindConstraint(op, output.type);
  if (constraint == nullptr) return ParseType(output.type);
  for (size_t i = 0; i < context.input_count(); ++i) {
    const FormalParameter* input = Formal(op.inputs, i);
    if (input != nullptr && input->type == output.type && context.HasInput(i) &&
        context.input(i).type.known()) {
      return context.input(i).type;
    }
  }
  const bool one_type = constraint->tensors != 0 && (constraint->tensors & (constraint->tensors - 1)) == 0;
  if (!one_type || constraint->sequences != 0 || constraint->optionals != 0) return {};
  return ValueType::TensorOf(static_cast<DType>(__builtin_ctz(constraint->tensors)));
}

template <typename T>
Contents ContentsOf(const TensorRef& data) {
  const std::span<const T> items = data.Items<const T>();
  return Contents(items.begin(), items.end());
}

}  // namespace

std::optional<Contents> InferContext::Ints(size_t i) const {
  if (!HasInput(i)) return std::nullopt;
  const InferInput& input = inputs_[i];
  if (input.contents != nullptr) return *input.contents;
  if (input.data == nullptr || input.data->count() > kMostInts) return std::nullopt;
  if (input.data->dtype == DType::kInt64) return ContentsOf<int64_t>(*input.data);
  if (input.data->dtype == DType::kInt32) return ContentsOf<int32_t>(*input.data);
  return std::nullopt;
}

std::optional<std::vector<int64_t>> InferContext::ConstantInts(size_t i) const {
  const std::optional<Contents> dims = Ints(i);
  if (!dims) return std::nullopt;
  std::vector<int64_t> ints;
  ints.reserve(dims->size());
  for (const Dim& dim : *dims) {
    if (!dim.IsConstant()) return std::nullopt;
    ints.push_back(dim.constant());
  }
  return ints;
}

Result<Shape> BroadcastShapes(const Shape& a, const Shape& b, InferContext& context) {
  if (!a.has_rank() || !b.has_rank()) return Shape();
  const size_t rank = std::max(a.dims().size(), b.dims().size());
  Shape::DimList dims(rank);
  for (size_t i = 0; i < rank; ++i) {  // counted from the last axis
    const Dim x = i < a.dims().size() ? a[a.dims().size() - 1 - i] : Dim(1);
    const Dim y = i < b.dims().size() ? b[b.dims().size() - 1 - i] : Dim(1);
    if (x.IsConstant() && y.IsConstant() && !(x == y) && !x.Is(1) && !y.Is(1)) {
      if (context.at_run()) {
        // onnxruntime's words: the smaller by the larger.
        return Fail("Attempting to broadcast an axis by a dimension other than 1. {} by {}",
                    std::min(x.constant(), y.constant()), std::max(x.constant(), y.constant()));
      }
      return Fail("[ShapeInferenceError] Incompatible dimensions: {} and {}", ShapeText(a), ShapeText(b));
    }
    dims[rank - 1 - i] = Dim::Broadcast(x, y);
  }
  return Shape(std::move(dims));
}

Status InferSameShape(InferContext& context) {
  if (!context.HasInput(0)) return OkStatus();
  for (size_t i = 0; i < context.output_count(); ++i) context.SetShape(i, context.shape(0));
  return OkStatus();
}

Status InferBroadcast(InferContext& context) {
  Shape shape{Shape::DimList()};
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.HasInput(i)) continue;
    ORTOLAN_ASSIGN_OR_RETURN(shape, BroadcastShapes(shape, context.shape(i), context));
  }
  context.SetShape(0, std::move(shape));
  return OkStatus();
}

void RaiseContext::IntsToInput(std::string_view name, size_t index) const {
  if (!node.attributes.Has(name)) return;
  const std::span<const int64_t> ints = node.attributes.Ints(name);
  node.SetInput(index, Constant(Tensor::Of<int64_t>({static_cast<int64_t>(ints.size())}, ints)));
  node.attributes.Remove(name);
}

Status RunInference(InferContext& context) {
  const OpDef* op = context.node().op;
  if (op == nullptr) return OkStatus();
  for (size_t i = 0; i < context.output_count(); ++i) {
    if (const FormalParameter* formal = Formal(op->outputs, i)) {
      context.output(i).type = TypeOfOutput(context, *op, *formal);
    }
  }
  return op->infer ? op->infer(context) : OkStatus();
}

Status InferNode(graph::Node& node, graph::DimPool& pool) {
  std::vector<InferInput> inputs(node.inputs().size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const graph::Value* value = node.input(i);
    if (value == nullptr) continue;
    inputs[i] = {true, value->type, value->shape, value->contents ? &*value->contents : nullptr, nullptr};
    const Tensor& constant = value->constant();
    const bool readable = constant.defined() && constant.device().kind == Device::Kind::kCpu;
    // Weights that nobody has looked at so far are none that inference wants to see.
    if (readable && constant.HasElements() && !constant.pending()) inputs[i].data = &constant.ref();
  }
  InferContext context(node, std::move(inputs), node.outputs().size(), &pool);
  ORTOLAN_RETURN_IF_ERROR(RunInference(context));
  for (size_t i = 0; i < node.outputs().size(); ++i) {
    graph::Value* value = node.output(i);
    if (value == nullptr) continue;
    InferOutput& output = context.output(i);
    if (output.type.known()) value->type = std::move(output.type);
    value->shape = std::move(output.shape);
    value->contents = std::move(output.contents);
    if (value->contents && value->contents->size() > graph::kMostContents) value->contents.reset();
  }
  return OkStatus();
}

}  // namespace ortolan
