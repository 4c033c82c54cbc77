// Nodes that hand their input on unchanged, and pairs of movements that are one.
#include <algorithm>

#include "ops/all_ops.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace ortolan::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Shape;
using graph::Value;

bool IsAnyOf(const Node& node, std::initializer_list<std::string_view> names) {
  return node.op->domain.empty() && std::ranges::find(names, node.op->name) != names.end();
}

bool All(const std::optional<std::vector<int64_t>>& ints, auto holds) {
  return ints && std::ranges::all_of(*ints, holds);
}

bool TrainsNot(const Node& node) {
  const Value* training = node.input(2);
  if (training == nullptr) return true;
  return training->IsConstant() && training->constant().dtype() == DType::kBool &&
         training->constant().count() == 1 && training->constant().HasElements() &&
         !training->constant().Items<const bool>()[0];
}

// Whether output 0 has the elements of `source`, its shape and its type. The general part is known to hold:
// one output, shapes proven equal where `same_shape`.
bool HandsOn(const Node& node, bool same_shape) {
  if (IsAnyOf(node, {"Identity"})) return true;
  if (IsAnyOf(node, {"Dropout"})) return TrainsNot(node);
  if (IsAnyOf(node, {"Cast", "CastLike"})) return true;  // the types are the same
  if (IsAnyOf(node, {"Concat", "Sum", "Max", "Min", "Mean"})) return node.inputs().size() == 1;
  if (IsAnyOf(node, {"Transpose"})) return std::ranges::is_sorted(PermutationOf(node)) && same_shape;
  if (!same_shape) return false;
  if (IsAnyOf(node, {"Reshape", "Expand", "Tile", "Squeeze", "Unsqueeze", "Flatten"})) return true;
  if (IsAnyOf(node, {"Slice"})) {
    return !node.HasInput(4) || All(IntsOf(node.input(4)), [](int64_t step) { return step > 0; });
  }
  if (IsAnyOf(node, {"Pad"})) return All(IntsOf(node.input(1)), [](int64_t pad) { return pad == 0; });
  if (IsAnyOf(node, {"Mul", "Div", "Pow"})) return NumberOf(node.input(1)) == 1.0f;
  if (IsAnyOf(node, {"Add", "Sub"})) return NumberOf(node.input(1)) == 0.0f;
  return false;
}

bool OnlyFirstOutput(const Node& node) {
  for (size_t i = 1; i < node.outputs().size(); ++i) {
    const Value* value = node.output(i);
    if (value != nullptr && (!value->consumers().empty() || value->IsOutput())) return false;
  }
  return node.output(0) != nullptr;
}

bool IsIdentity(const Node& node) {
  const Value* source = node.input(0);
  if (source == nullptr || !OnlyFirstOutput(node)) return false;
  const Value& result = *node.output(0);
  if (!source->type.known() || !(source->type == result.type)) return false;
  return HandsOn(node, source->shape.has_rank() && source->shape == result.shape);
}

// The node that makes input 0 of `node`, where it is of the same operator, else null.
Node* SameBefore(const Node& node) {
  Node* before = node.input(0) ? node.input(0)->producer() : nullptr;
  return before != nullptr && before->op == node.op && before->input(0) != nullptr ? before : nullptr;
}

// Transpose after Transpose is one; Reshape after Reshape needs the second only.
void JoinWithBefore(Node& node) {
  const Node* before = SameBefore(node);
  if (before == nullptr) return;
  if (IsAnyOf(node, {"Transpose"})) {
    const std::vector<int64_t> first = PermutationOf(*before), second = PermutationOf(node);
    if (first.empty() || first.size() != second.size()) return;
    std::vector<int64_t> both;
    for (int64_t axis : second) {
      if (axis < 0 || axis >= static_cast<int64_t>(first.size())) return;
      both.push_back(first[static_cast<size_t>(axis)]);
    }
    node.attributes.Set("perm", std::move(both));
    node.SetInput(0, before->input(0));
  } else if (IsAnyOf(node, {"Reshape"})) {
    // A zero copies a dimension of the input at hand, so it must not see another input.
    if (!All(IntsOf(node.input(1)), [](int64_t dim) { return dim != 0; })) return;
    node.SetInput(0, before->input(0));
  }
}

// ScatterElements along the first axis whose indices are one number a block, expanded, is ScatterND: the
// indices of every element need not be made. Exporters write so to put rows back to where they came from.
Status ScatterBlocks(Graph& graph, Node& node) {
  if (!IsAnyOf(node, {"ScatterElements"}) || node.attributes.Int("axis", 0) != 0) return OkStatus();
  const Node* expand = MakerOf(node.input(1), "Expand");
  const Value *data = node.input(0), *updates = node.input(2);
  if (expand == nullptr || data == nullptr || updates == nullptr) return OkStatus();
  Value* places = expand->input(0);
  const Shape &at = places->shape, &to = data->shape, &from = updates->shape;
  if (!at.has_rank() || !to.has_rank() || !from.has_rank() || at.rank() < 2 || at.rank() != to.rank() ||
      at.rank() != from.rank() || places->type.dtype != DType::kInt64 || at[0] != from[0]) {
    return OkStatus();
  }
  for (size_t i = 1; i < static_cast<size_t>(at.rank()); ++i) {
    if (!at[i].Is(1) || to[i] != from[i]) return OkStatus();
  }
  Node* column = graph.InsertBefore(&node);
  InitNode(*column, kReshape, node);
  const int64_t dims[] = {-1, 1};
  column->SetInputs({places, graph.NewConstant(node.name, Tensor::Of<int64_t>({2}, dims))});
  column->SetOutput(0, graph.NewValue(places->name() + "_column"));
  ORTOLAN_RETURN_IF_ERROR(InferInPlace(*column, *graph.dims()));
  node.op = &kScatterND;
  node.op_type = std::string(kScatterND.name);
  node.attributes.Remove("axis");
  node.SetInput(1, column->output(0));
  return OkStatus();
}

}  // namespace

Status RunIdentity(Graph& graph, PassContext&) {
  Status status = OkStatus();
  graph.ForEachNode([&](Node& node) {
    if (status.ok()) status = ScatterBlocks(graph, node);
    // Dropout is pure where it does not train, which HandsOn checks.
    const bool pure = node.op->traits.pure || IsAnyOf(node, {"Dropout"});
    if (node.op->traits.control_flow || !pure) return;
    JoinWithBefore(node);
    if (IsIdentity(node)) {
      for (size_t i = 1; i < node.outputs().size(); ++i) {
        if (Value* unused = node.output(i)) {
          node.SetOutput(i, nullptr);
          graph.EraseValue(unused);
        }
      }
      ReplaceNode(graph, node, node.input(0));
    }
  });
  return status;
}

}  // namespace ortolan::passes
