#include "passes/rewrite.h"

#include <algorithm>

namespace ortolan::passes {

Status InferInPlace(graph::Node& node, graph::DimPool& pool) {
  const Status status = InferNode(node, pool);
  if (status.ok()) return OkStatus();
  return Error(status.code(), "Node ({}) Op ({}) {}", node.name, node.op_type, status.message());
}

void UpdateCaptured(graph::Node& node) {
  const size_t captured = graph::CapturedCount(node);
  if (captured == 0) return;
  for (const auto& [name, attribute] : node.attributes.items()) {
    const auto* body = std::get_if<std::shared_ptr<graph::Graph>>(&attribute);
    if (body == nullptr || *body == nullptr) continue;
    const size_t most = std::min({captured, node.inputs().size(), (*body)->inputs().size()});
    for (size_t i = 1; i <= most; ++i) {
      const graph::Value* outer = node.inputs()[node.inputs().size() - i];
      graph::Value* inner = (*body)->inputs()[(*body)->inputs().size() - i];
      if (outer == nullptr) continue;
      inner->type = outer->type;
      inner->shape = outer->shape;
      inner->contents = outer->contents;
    }
  }
}

void InitNode(graph::Node& node, const OpDef& op, const graph::Node& origin) {
  node.op = &op;
  node.op_type = std::string(op.name);
  node.name = origin.name;
  node.device = origin.device;
  node.sources = origin.sources;
}

void AddSources(graph::Node& into, const graph::Node& from) {
  into.sources.insert(into.sources.end(), from.sources.begin(), from.sources.end());
}

void ReplaceNode(graph::Graph& graph, graph::Node& node, graph::Value* value) {
  graph::Value* old = node.output(0);
  graph.ReplaceUses(old, value);
  graph.EraseNode(&node);
  graph.EraseValue(old);
}

bool IsOp(const graph::Node* node, std::string_view name) {
  return node != nullptr && node->op != nullptr && node->op->domain.empty() && node->op->name == name;
}

const Tensor* FloatConstant(const graph::Value* value) {
  if (value == nullptr || !value->IsConstant()) return nullptr;
  const Tensor& tensor = value->constant();
  const bool readable = tensor.dtype() == DType::kFloat && tensor.device().kind == Device::Kind::kCpu;
  return readable && (tensor.data() != nullptr || tensor.count() == 0) ? &tensor : nullptr;
}

}  // namespace ortolan::passes
