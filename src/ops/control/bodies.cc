#include "ops/control/bodies.h"

namespace ortolan {

const graph::Value* BodyOutput(const InferContext& context, std::string_view body, size_t index) {
  const graph::Graph* graph = context.attributes().Subgraph(body);
  return graph != nullptr && index < graph->outputs().size() ? graph->outputs()[index] : nullptr;
}

graph::Shape CommonShape(const graph::Shape& a, const graph::Shape& b, InferContext& context) {
  if (!a.has_rank() || !b.has_rank() || a.rank() != b.rank()) return {};
  graph::Shape::DimList dims;
  for (size_t i = 0; i < a.dims().size(); ++i) dims.push_back(a[i] == b[i] ? a[i] : context.Unknown());
  return {std::move(dims)};
}

graph::Shape WithDimAt(const graph::Shape& shape, int64_t axis, graph::Dim dim) {
  if (!shape.has_rank()) return {};
  graph::Shape::DimList dims = shape.dims();
  const auto rank = static_cast<int64_t>(dims.size()) + 1;
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return {};
  dims.insert(dims.begin() + axis, dim);
  return {std::move(dims)};
}

}  // namespace ortolan
