#include "ops/op.h"
#include "passes/passes.h"

namespace ortolan::passes {
namespace {

bool IsUnused(const graph::Value* value) {
  return value == nullptr || (value->consumers().empty() && !value->IsOutput());
}

// Optional outputs that nobody reads need not be made.
void DropOptionalOutputs(graph::Graph& graph, graph::Node& node) {
  const auto formals = node.op->outputs;
  for (size_t i = 0; i < node.outputs().size() && i < formals.size(); ++i) {
    graph::Value* value = node.output(i);
    if (formals[i].arity != Arity::kOptional || value == nullptr || !IsUnused(value)) continue;
    node.SetOutput(i, nullptr);
    graph.EraseValue(value);
  }
  size_t count = node.outputs().size();
  while (count > 1 && node.output(count - 1) == nullptr) --count;
  node.TruncateOutputs(count);
}

}  // namespace

Status RunDead(graph::Graph& graph, PassContext&) {
  for (graph::Node* node = graph.last(); node != nullptr;) {
    graph::Node* const previous = node->previous();
    bool unused = node->op->traits.pure;
    for (const graph::Value* value : node->outputs()) unused = unused && IsUnused(value);
    if (unused) {
      const std::vector<graph::Value*> outputs = node->outputs();
      graph.EraseNode(node);
      for (graph::Value* value : outputs) {
        if (value != nullptr) graph.EraseValue(value);
      }
    } else {
      DropOptionalOutputs(graph, *node);
    }
    node = previous;
  }
  for (const auto& value : graph.values()) {
    if (value != nullptr) graph.EraseValue(value.get());  // keeps what is in use
  }
  return OkStatus();
}

}  // namespace ortolan::passes
