#include "ops/elementwise_room.h"

#include <algorithm>

#include "ops/compose.h"

namespace ortolan {
namespace {

using graph::Contents;
using graph::Dim;

// Integer types that contents stand for.
bool IsIndexType(const ValueType& type) {
  return type.IsTensor() && (type.dtype == DType::kInt64 || type.dtype == DType::kInt32);
}

}  // namespace

// Where a rank is not known yet B gets its ones behind by arithmetic on shapes.
static void AlignAtRun(RaiseContext& context, int64_t axis) {
  graph::Node& node = context.node;
  Composer make(context);
  graph::Value* const one = context.Constant(Tensor::Of<int64_t>({1}, std::vector<int64_t>{1}));
  graph::Value* begin = context.Constant(Tensor::Of<int64_t>({1}, std::vector<int64_t>{axis}));
  graph::Value* const rank_a = make.Node("Shape", {make.Node("Shape", {node.input(0)})});
  graph::Value* const shape_b = make.Node("Shape", {node.input(1)});
  if (axis < 0) begin = make.Node("Add", {rank_a, begin});
  graph::Value* const end = make.Node("Add", {begin, make.Node("Shape", {shape_b})});
  // None where B has as many axes as A: a slope of PRelu may.
  graph::Value* const zero = context.Constant(Tensor::Of<int64_t>({1}, std::vector<int64_t>{0}));
  graph::Value* const behind = make.Node("Max", {make.Node("Sub", {rank_a, end}), zero});
  graph::Value* const ones = make.Node("Expand", {one, behind});
  graph::Value* const shape = make.Node("Concat", {shape_b, ones}, {{"axis", int64_t{0}}});
  node.SetInput(1, make.Node("Reshape", {node.input(1), shape}, {{"allowzero", int64_t{1}}}));
}

Status RaiseAxisBroadcast(RaiseContext& context) {
  graph::Node& node = context.node;
  if (context.opset >= 7) return OkStatus();
  const bool broadcast = node.attributes.Int("broadcast", 0) != 0;
  const bool has_axis = node.attributes.Has("axis");
  const int64_t given = node.attributes.Int("axis", 0);
  node.attributes.Remove("broadcast");
  node.attributes.Remove("axis");
  // Without an axis B matches A's last axes, as it does today.
  if (!broadcast || !has_axis) return OkStatus();
  if (!node.HasInput(0) || !node.HasInput(1)) return InvalidGraph("{} needs two inputs", node.op_type);
  const graph::Shape& a = node.input(0)->shape;
  const graph::Shape& b = node.input(1)->shape;
  if (!a.has_rank() || !b.has_rank()) {
    AlignAtRun(context, given);
    return OkStatus();
  }
  const int64_t axis = given < 0 ? given + a.rank() : given;
  const int64_t behind = a.rank() - axis - b.rank();  // axes of A behind B's last
  if (axis < 0 || behind < 0) {
    return InvalidGraph("{}: axis {} does not place an input of rank {} within one of rank {}", node.op_type,
                        given, b.rank(), a.rank());
  }
  if (behind == 0) return OkStatus();
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < behind; ++i) axes.push_back(b.rank() + i);
  graph::Node* unsqueeze = context.graph.InsertBefore(&node);
  unsqueeze->op = FindOp("", "Unsqueeze");
  if (unsqueeze->op == nullptr) return NotImplemented("{} with attribute axis needs Unsqueeze", node.op_type);
  unsqueeze->op_type = "Unsqueeze";
  unsqueeze->name = node.name;
  unsqueeze->sources = node.sources;
  unsqueeze->SetInput(0, node.input(1));
  unsqueeze->SetInput(1, context.Constant(Tensor::Of<int64_t>({behind}, std::span<const int64_t>(axes))));
  graph::Value* shaped = context.graph.NewValue(node.input(1)->name());
  shaped->type = node.input(1)->type;
  unsqueeze->SetOutput(0, shaped);
  ORTOLAN_RETURN_IF_ERROR(InferNode(*unsqueeze, *context.graph.dims()));
  node.SetInput(1, shaped);
  return OkStatus();
}

Status InferCombined(InferContext& context, CombineDims combine) {
  ORTOLAN_RETURN_IF_ERROR(InferBroadcast(context));
  if (context.output_count() == 0 || context.input_count() == 0 || !IsIndexType(context.input(0).type))
    return OkStatus();
  std::optional<Contents> sum = context.Ints(0);
  for (size_t i = 1; i < context.input_count() && sum; ++i) {
    const std::optional<Contents> other = context.Ints(i);
    // Contents of more than one axis would need their broadcast: shapes never do that.
    if (!other || context.shape(i).rank() > 1 || context.shape(0).rank() > 1) return OkStatus();
    const size_t count = sum->size() == 1 ? other->size() : sum->size();
    if (count > graph::kMostContents || (other->size() != count && other->size() != 1)) return OkStatus();
    Contents combined;
    for (size_t k = 0; k < count; ++k) {
      const std::optional<Dim> dim =
          combine((*sum)[sum->size() == 1 ? 0 : k], (*other)[other->size() == 1 ? 0 : k]);
      if (!dim) return OkStatus();
      combined.push_back(*dim);
    }
    sum = std::move(combined);
  }
  if (sum && sum->size() <= graph::kMostContents) context.output(0).contents = std::move(sum);
  return OkStatus();
}

Cost ElementwiseCost(const graph::Node& node, const BindContext& shapes) {
  const auto bytes_of = [](const graph::Value* value, const Dims& dims) {
    if (value == nullptr || !value->type.IsTensor()) return 0.0;
    return static_cast<double>(DTypeBytes(value->type.dtype, ElementCount(dims)));
  };
  Cost cost;
  for (size_t i = 0; i < shapes.inputs.size(); ++i) cost.bytes += bytes_of(node.input(i), shapes.inputs[i]);
  for (size_t i = 0; i < shapes.outputs.size(); ++i)
    cost.bytes += bytes_of(node.output(i), shapes.outputs[i]);
  if (!shapes.outputs.empty()) cost.flops = static_cast<double>(ElementCount(shapes.outputs[0]));
  return cost;
}

}  // namespace ortolan
