// FlexAttention: attention whose scores and probabilities pass through graphs of the model's. Composed of
// products, a softmax and those graphs; without any it is Attention. Refuses graphs of other than one input
// and output.
#include <algorithm>

#include "ops/compose.h"

namespace ortolan {
namespace {

using graph::Value;

// The graph under attribute `name` put behind `value`, or `value` where there is none.
Result<Value*> Modified(const RaiseContext& context, Composer& make, std::string_view name, Value* value,
                        const std::vector<Value*>& captured) {
  const graph::Graph* body = context.node.attributes.Subgraph(name);
  if (body == nullptr) return value;
  if (body->inputs().size() != 1 + captured.size() || body->outputs().size() != 1) {
    return InvalidGraph("FlexAttention: {} needs one input and one output", name);
  }
  std::vector<Value*> inputs = {value};
  inputs.insert(inputs.end(), captured.begin(), captured.end());
  Value* modified = make.Body(*body, inputs)[0];
  if (modified == nullptr) return InvalidGraph("FlexAttention: the output of {} has no value", name);
  return modified;
}

// Size `axis` of a value as a scalar of the run.
Value* SizeOf(RaiseContext& context, Composer& make, Value* value, int64_t axis) {
  Value* sizes = make.Node("Shape", {value});
  return make.Node("Gather", {sizes, context.Constant(Tensor::Scalar<int64_t>(axis))});
}

// Head h of the queries reads head h / group of keys and values.
Value* ForEachHead(RaiseContext& context, Composer& make, Value* value, Value* q) {
  const bool ranks = value->shape.has_rank() && q->shape.has_rank();
  if (ranks && value->shape[1] == q->shape[1]) return value;
  Value* heads = SizeOf(context, make, q, 1);
  Value* group = make.Node("Div", {heads, SizeOf(context, make, value, 1)});
  Value* zero = context.Constant(Tensor::Scalar<int64_t>(0));
  Value* one = context.Constant(Tensor::Scalar<int64_t>(1));
  Value* head = make.Node("Div", {make.Node("Range", {zero, heads, one}), group});
  return make.Node("Gather", {value, head}, {{"axis", int64_t{1}}});
}

// What the scores are multiplied with, of type `precision`.
Value* ScaleOf(RaiseContext& context, Composer& make, Value* q, int64_t precision) {
  const graph::Attributes& attributes = context.node.attributes;
  if (attributes.Has("scale")) {
    return make.Node("Cast", {context.Constant(Tensor::Scalar<float>(attributes.Float("scale", 1)))},
                     {{"to", precision}});
  }
  Value* size = make.Node("Cast", {SizeOf(context, make, q, 3)}, {{"to", precision}});
  return make.Node("Reciprocal", {make.Node("Sqrt", {size})});
}

Status Raise(RaiseContext& context) {
  graph::Node& node = context.node;
  Value *q = node.input(0), *k = node.input(1), *v = node.input(2);
  for (const Value* value : {q, k, v}) {
    if (value == nullptr || (value->shape.has_rank() && value->shape.rank() != 4)) {
      return InvalidArgument("FlexAttention: Q, K and V need rank 4");
    }
  }
  const graph::Attributes attributes = node.attributes;
  const DType dtype = q->type.dtype;
  const bool modified =
      attributes.Subgraph("score_mod") != nullptr || attributes.Subgraph("prob_mod") != nullptr;
  Composer make(context);
  if (!modified) {
    std::vector<graph::Attributes::Item> kept;
    if (attributes.Has("scale")) kept.push_back({"scale", attributes.Float("scale", 1)});
    make.Last("Attention", {q, k, v}, std::move(kept));
    return OkStatus();
  }
  const int64_t precision = attributes.Int(
      "softmax_precision", static_cast<int64_t>(dtype == DType::kDouble ? DType::kDouble : DType::kFloat));
  const size_t captured_count = graph::CapturedCount(node);
  const std::vector<Value*> captured(node.inputs().end() - static_cast<std::ptrdiff_t>(captured_count),
                                     node.inputs().end());
  k = ForEachHead(context, make, k, q);
  v = ForEachHead(context, make, v, q);
  const bool cast = precision != static_cast<int64_t>(dtype);
  auto as = [&](Value* value) { return cast ? make.Node("Cast", {value}, {{"to", precision}}) : value; };
  Value* factor = ScaleOf(context, make, q, precision);
  Value* keys = make.Node("Transpose", {as(k)}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}});
  Value* scores = make.Node("Mul", {make.Node("MatMul", {as(q), keys}), factor});
  ORTOLAN_ASSIGN_OR_RETURN(scores, Modified(context, make, "score_mod", scores, captured));
  Value* probabilities = make.Node("Softmax", {scores}, {{"axis", int64_t{-1}}});
  ORTOLAN_ASSIGN_OR_RETURN(probabilities, Modified(context, make, "prob_mod", probabilities, captured));
  if (!cast) {
    make.Last("MatMul", {probabilities, v});
    return OkStatus();
  }
  Value* result = make.Node("MatMul", {probabilities, as(v)});
  make.Last("Cast", {result}, {{"to", static_cast<int64_t>(dtype)}});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"Q", "T1"}, {"K", "T1"}, {"V", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T1"}};
constexpr TypeConstraint kTypes[] = {{"T1", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"prob_mod", AttributeType::kGraph},
                                         {"score_mod", AttributeType::kGraph},
                                         {"softmax_precision", AttributeType::kInt},
                                         {"scale", AttributeType::kFloat}};

}  // namespace

extern const OpDef kFlexAttention;
constexpr OpDef kFlexAttention{.domain = "ai.onnx.preview",
                               .name = "FlexAttention",
                               .versions = kVersions,
                               .inputs = kInputs,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .attributes = kAttributes,
                               .raise = Raise};

}  // namespace ortolan
