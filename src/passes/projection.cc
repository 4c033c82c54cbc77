// Attention reads Q, K and V where one product has written them, side by side in wider rows: what splits them
// and moves heads in between goes.
//
//   Split of the last axis; and the exporters' Reshape to [batch, rows, 3, heads, size], Transpose to
//   [3, batch, heads, rows, size], and Gather, or Split and Squeeze, of the first axis.
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

// Columns of `rows`, [batch, rows, width], from `column` on.
struct Part {
  Value* rows = nullptr;
  int64_t column = 0;
  int64_t heads = 0, size = 0;
};

// Where output `value` of a Split along `axis` begins; nothing where it is not that.
std::optional<int64_t> BeginInSplit(const Node& split, const Value* value, int64_t axis) {
  if (!IsOp(&split, "Split") || !split.input(0)->shape.has_rank()) return std::nullopt;
  const int64_t own = split.attributes.Int("axis", 0);
  if ((own < 0 ? own + split.input(0)->shape.rank() : own) != axis) return std::nullopt;
  int64_t begin = 0;
  for (const Value* output : split.outputs()) {
    if (output == value) return begin;
    if (output == nullptr || !output->shape.has_rank() ||
        !output->shape[static_cast<size_t>(axis)].IsConstant())
      return std::nullopt;
    begin += output->shape[static_cast<size_t>(axis)].constant();
  }
  return std::nullopt;
}

// [batch, rows, heads * size] that is split off wider rows.
std::optional<Part> OfSplit(const Value* value, int64_t heads) {
  const Node* split = value->producer();
  if (split == nullptr || heads < 1) return std::nullopt;
  const auto begin = BeginInSplit(*split, value, 2);
  if (!begin || !value->shape[2].IsConstant() || value->shape[2].constant() % heads != 0) return std::nullopt;
  return Part{split->input(0), *begin, heads, value->shape[2].constant() / heads};
}

// The number that picks `value` out of axis 0 of the value that `whole` is set to.
std::optional<int64_t> PickedFrom(const Value* value, Value** whole) {
  if (const Node* gather = MakerOf(value, "Gather")) {
    const auto index = IntsOf(gather->input(1));
    const bool one = index && index->size() == 1 && gather->input(1)->shape.rank() == 0;
    if (!one || gather->attributes.Int("axis", 0) != 0) return std::nullopt;
    *whole = gather->input(0);
    return (*index)[0];
  }
  const Node* squeeze = MakerOf(value, "Squeeze");
  const Node* split = squeeze != nullptr ? squeeze->input(0)->producer() : nullptr;
  if (split == nullptr || !squeeze->HasInput(1) || IntsOf(squeeze->input(1)) != std::vector<int64_t>{0})
    return std::nullopt;
  const auto begin = BeginInSplit(*split, squeeze->input(0), 0);
  if (!begin || !squeeze->input(0)->shape[0].Is(1)) return std::nullopt;
  *whole = split->input(0);
  return begin;
}

// [batch, heads, rows, size] that is picked out of [parts, batch, heads, rows, size].
std::optional<Part> OfStack(const Value* value) {
  Value* stack = nullptr;
  const auto index = PickedFrom(value, &stack);
  if (!index) return std::nullopt;
  const Node* transpose = MakerOf(stack, "Transpose");
  const std::vector<int64_t> order = {2, 0, 3, 1, 4};
  if (transpose == nullptr || PermutationOf(*transpose) != order) return std::nullopt;
  const Node* reshape = MakerOf(transpose->input(0), "Reshape");
  Value* rows = reshape != nullptr ? reshape->input(0) : nullptr;
  if (rows == nullptr || !rows->shape.has_rank() || rows->shape.rank() != 3) return std::nullopt;
  const Shape &from = rows->shape, &to = transpose->input(0)->shape;
  for (size_t axis = 2; axis < 5; ++axis) {
    if (!to[axis].IsConstant()) return std::nullopt;
  }
  const int64_t parts = to[2].constant(), heads = to[3].constant(), size = to[4].constant();
  const bool view = from[0] == to[0] && from[1] == to[1] && from[2].Is(parts * heads * size);
  if (!view || *index < 0 || *index >= parts) return std::nullopt;
  return Part{rows, *index * heads * size, heads, size};
}

std::optional<Part> PartOf(const Value* value, int64_t heads) {
  if (value == nullptr || !value->shape.has_rank() || value->IsConstant()) return std::nullopt;
  if (value->shape.rank() == 3) return OfSplit(value, heads);
  return value->shape.rank() == 4 ? OfStack(value) : std::nullopt;
}

// The parts that are found replace their inputs; the others stay as they are.
void Visit(Node& node) {
  graph::Attributes& attributes = node.attributes;
  if (attributes.Has("ortolan_columns") || attributes.Int("ortolan_keys_transposed", 0) != 0) return;
  const int64_t heads = attributes.Int("q_num_heads", 0), kv_heads = attributes.Int("kv_num_heads", 0);
  std::vector<int64_t> columns(3, -1);
  std::optional<Part> parts[3];
  for (size_t i = 0; i < 3; ++i) {
    if (!node.HasInput(i)) return;
    const int64_t wanted = i == 0 ? heads : kv_heads;
    parts[i] = PartOf(node.input(i), wanted);
    if (parts[i] && parts[i]->heads != wanted) parts[i].reset();
  }
  if (!parts[0] && !parts[1] && !parts[2]) return;
  const bool agree = !parts[0] || !parts[1] || parts[0]->size == parts[1]->size;
  if (!agree) return;
  const int64_t size = parts[0] ? parts[0]->size : parts[1] ? parts[1]->size : 0;
  // An output of rank 4 was one because Q is; from now on that is written down.
  const int rank = node.input(0)->shape.has_rank() ? node.input(0)->shape.rank() : 0;
  if (rank == 0) return;
  if (!attributes.Has("ortolan_output_rank")) attributes.Set("ortolan_output_rank", int64_t{rank});
  for (size_t i = 0; i < 3; ++i) {
    if (!parts[i]) continue;
    columns[i] = parts[i]->column;
    node.SetInput(i, parts[i]->rows);
  }
  node.payload_text = "columns of wider rows";
  attributes.Set("ortolan_columns", std::move(columns));
  attributes.Set("ortolan_sizes", std::vector<int64_t>{size, parts[2] ? parts[2]->size : 0});
}

}  // namespace

Status RunProjection(Graph& graph, PassContext&) {
  graph.ForEachNode([](Node& node) {
    if (node.op == &kAttention) Visit(node);
  });
  return OkStatus();
}

}  // namespace ortolan::passes
