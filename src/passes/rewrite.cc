#include "passes/rewrite.h"

#include <algorithm>
#include <limits>
#include <numeric>

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
  return readable && tensor.HasElements() ? &tensor : nullptr;
}

float NumberOf(const graph::Value* value) {
  const Tensor* tensor = FloatConstant(value);
  return tensor && tensor->count() == 1 ? tensor->Items<const float>()[0]
                                        : std::numeric_limits<float>::quiet_NaN();
}

std::optional<std::vector<int64_t>> IntsOf(const graph::Value* value) {
  if (value == nullptr || !value->contents) return std::nullopt;
  std::vector<int64_t> ints;
  for (const graph::Dim& dim : *value->contents) {
    if (!dim.IsConstant()) return std::nullopt;
    ints.push_back(dim.constant());
  }
  return ints;
}

std::vector<int64_t> PermutationOf(const graph::Node& node) {
  const std::span<const int64_t> given = node.attributes.Ints("perm");
  if (!given.empty() || !node.input(0)->shape.has_rank()) return {given.begin(), given.end()};
  std::vector<int64_t> reversed(static_cast<size_t>(node.input(0)->shape.rank()));
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  return reversed;
}

graph::Node* MakerOf(const graph::Value* value, std::string_view op) {
  graph::Node* node = value != nullptr ? value->producer() : nullptr;
  const bool made = IsOp(node, op) && node->payload == nullptr && node->output(0) == value;
  return made ? node : nullptr;
}

graph::Value* OtherInput(const graph::Node& node, const graph::Value* value) {
  if (node.inputs().size() != 2) return nullptr;
  if (node.input(0) == value) return node.input(1);
  return node.input(1) == value ? node.input(0) : nullptr;
}

}  // namespace ortolan::passes
