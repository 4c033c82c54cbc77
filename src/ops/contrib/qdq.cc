#include "ops/contrib/qdq.h"

namespace ortolan {

graph::Value* Qdq::Floats(size_t i) {
  const graph::Node& node = context_.node;
  std::vector<graph::Value*> inputs = {node.input(i), node.input(i + 1)};
  if (node.HasInput(i + 2)) inputs.push_back(node.input(i + 2));
  return Node("DequantizeLinear", std::move(inputs));
}

void Qdq::Finish(graph::Value* y, size_t scale, size_t zero, size_t like) {
  const graph::Node& node = context_.node;
  if (node.HasInput(zero)) {
    Last("QuantizeLinear", {y, node.input(scale), node.input(zero)});
    return;
  }
  const graph::Value* value = node.input(like);
  const DType type = value != nullptr && value->type.known() ? value->type.dtype : DType::kUInt8;
  Last("QuantizeLinear", {y, node.input(scale)}, {{"output_dtype", static_cast<int64_t>(type)}});
}

Result<int> Qdq::Rank(size_t i) const {
  const graph::Value* value = context_.node.input(i);
  if (value == nullptr || !value->shape.has_rank() || value->shape.rank() < 3)
    return NotImplemented("channels-last input {} of unknown rank or below 3", i);
  return value->shape.rank();
}

std::vector<int64_t> Qdq::ToFirst(int rank) {
  std::vector<int64_t> order = {0, rank - 1};
  for (int axis = 1; axis + 1 < rank; ++axis) order.push_back(axis);
  return order;
}

std::vector<int64_t> Qdq::ToLast(int rank) {
  std::vector<int64_t> order = {0};
  for (int axis = 2; axis < rank; ++axis) order.push_back(axis);
  order.push_back(1);
  return order;
}

Status ComposeAs(RaiseContext& context, std::string_view op) {
  Composer make(context);
  const std::vector<graph::Attributes::Item> attributes = context.node.attributes.items();
  make.Last(op, context.node.inputs(), attributes);
  return OkStatus();
}

}  // namespace ortolan
