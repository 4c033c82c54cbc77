// LayerNormalization and RMSNormalization over the last axis, which models of older opsets spell out as a
// mean of squares, a square root and a division.
#include <cmath>

#include "ops/all_ops.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace ortolan::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

// x where `value` is its mean over the last axis, which stays as 1.
Value* MeanOfRows(const Value* value) {
  const Node* mean = MakerOf(value, "ReduceMean");
  if (mean == nullptr || mean->attributes.Int("keepdims", 1) == 0 || mean->input(0) == nullptr)
    return nullptr;
  const auto axes = IntsOf(mean->input(1));
  const graph::Shape& shape = mean->input(0)->shape;
  const bool last =
      axes && axes->size() == 1 && shape.has_rank() && ((*axes)[0] == -1 || (*axes)[0] == shape.rank() - 1);
  return last ? mean->input(0) : nullptr;
}

Value* SquareRootOf(const Value* value) {
  if (const Node* power = MakerOf(value, "Pow")) {
    return NumberOf(power->input(1)) == 2.0f ? power->input(0) : nullptr;
  }
  const Node* product = MakerOf(value, "Mul");
  return product != nullptr && product->input(0) == product->input(1) ? product->input(0) : nullptr;
}

// value = sqrt(mean(x * x) + epsilon) over the last axis.
struct Deviation {
  Value* x = nullptr;
  float epsilon = 0;
};
std::optional<Deviation> DeviationOf(const Value* value) {
  const Node* root = MakerOf(value, "Sqrt");
  if (const Node* power = MakerOf(value, "Pow"); power != nullptr && NumberOf(power->input(1)) == 0.5f)
    root = power;
  const Node* sum = root != nullptr ? MakerOf(root->input(0), "Add") : nullptr;
  if (sum == nullptr) return std::nullopt;
  for (const size_t i : {size_t{0}, size_t{1}}) {
    const float epsilon = NumberOf(sum->input(i));
    Value* squares = MeanOfRows(sum->input(1 - i));
    Value* x = squares != nullptr ? SquareRootOf(squares) : nullptr;
    if (x != nullptr && epsilon >= 0) return Deviation{x, epsilon};
  }
  return std::nullopt;
}

// The value whose reciprocal `value` is.
Value* ReciprocalOf(const Value* value) {
  if (const Node* node = MakerOf(value, "Reciprocal")) return node->input(0);
  const Node* node = MakerOf(value, "Div");
  return node != nullptr && NumberOf(node->input(0)) == 1.0f ? node->input(1) : nullptr;
}

struct Normalized {
  Value* x = nullptr;
  float epsilon = 0;
  bool centred = false;
};

// What `node` computes, where it is x / deviation(x), or (x - mean(x)) / deviation(x - mean(x)).
std::optional<Normalized> NormalizedBy(const Node& node) {
  const bool divides = IsOp(&node, "Div");
  if ((!divides && !IsOp(&node, "Mul")) || node.inputs().size() != 2) return std::nullopt;
  for (const size_t i : {size_t{0}, size_t{1}}) {
    if (divides && i == 1) break;
    Value* x = node.input(i);
    const Value* by = divides ? node.input(1) : ReciprocalOf(node.input(1 - i));
    const std::optional<Deviation> deviation = by != nullptr ? DeviationOf(by) : std::nullopt;
    if (!deviation || x == nullptr) continue;
    const Node* centre = MakerOf(x, "Sub");
    const Node* other = MakerOf(deviation->x, "Sub");  // some exporters subtract twice
    const bool same =
        deviation->x == x || (centre != nullptr && other != nullptr && centre->input(0) == other->input(0) &&
                              MeanOfRows(other->input(1)) == centre->input(0));
    if (!same) continue;
    if (centre != nullptr && MeanOfRows(centre->input(1)) == centre->input(0)) {
      return Normalized{centre->input(0), deviation->epsilon, true};
    }
    if (deviation->x == x) return Normalized{x, deviation->epsilon, false};
  }
  return std::nullopt;
}

// The one consumer of a value that nothing else reads.
Node* OnlyConsumer(const Value* value) {
  return value->HasOneUse() && value->consumers().size() == 1 ? value->consumers()[0] : nullptr;
}

// A float for each element of a row, and the shape [row].
bool IsRow(const Value* value, int64_t row) {
  const Tensor* tensor = FloatConstant(value);
  return tensor != nullptr && tensor->dims() == Dims{row};
}

void Fuse(Graph& graph, Node& node, const PassContext& context) {
  const std::optional<Normalized> found = NormalizedBy(node);
  if (!found) return;
  if (found->x->type.dtype != DType::kFloat || !found->x->shape.has_rank())
    return context.Left(node, "it normalizes no float32 value of known rank");
  const graph::Shape& shape = found->x->shape;
  if (shape.rank() < 1 || !shape[static_cast<size_t>(shape.rank() - 1)].IsConstant())
    return context.Left(node, "the length of its rows is not constant");
  const int64_t row = shape[static_cast<size_t>(shape.rank() - 1)].constant();
  if (!(node.output(0)->shape == shape)) return;
  Node* scale = OnlyConsumer(node.output(0));
  if (!IsOp(scale, "Mul") || !IsRow(OtherInput(*scale, node.output(0)), row))
    return context.Left(node, "no constant scale of a row's length follows it alone");
  Node* last = scale;
  Node* shift = found->centred ? OnlyConsumer(scale->output(0)) : nullptr;
  const bool shifts = IsOp(shift, "Add") && IsRow(OtherInput(*shift, scale->output(0)), row);
  std::vector<Value*> inputs = {found->x, OtherInput(*scale, node.output(0))};
  if (shifts) {
    inputs.push_back(OtherInput(*shift, scale->output(0)));
    last = shift;
  }
  Node* made = graph.InsertBefore(last);
  InitNode(*made, found->centred ? kLayerNormalization : kRMSNormalization, *last);
  AddSources(*made, node);
  made->attributes.Set("axis", int64_t{-1});
  made->attributes.Set("epsilon", found->epsilon);
  made->SetInputs(std::move(inputs));
  made->SetOutput(0, last->output(0));
  graph.EraseNode(last);
}

}  // namespace

Status RunNormalization(Graph& graph, PassContext& context) {
  std::vector<Node*> ends;
  graph.ForEachNode([&](Node& node) {
    if (NormalizedBy(node)) ends.push_back(&node);
  });
  for (Node* node : ends) Fuse(graph, *node, context);
  return OkStatus();
}

}  // namespace ortolan::passes
