// Verify: the invariants of graph.h, checked from the outside.
#include <unordered_map>
#include <unordered_set>

#include "graph/graph.h"

namespace ortolan::graph {
namespace {

struct Checker {
  const Graph& graph;
  std::unordered_set<const Value*> owned;
  std::unordered_set<const Value*> ready;  // made by a node that was visited, or without a node
  std::unordered_map<const Value*, std::unordered_map<const Node*, int64_t>> uses;
  std::vector<const Graph*>* bodies;

  Status Values() {
    for (const auto& value : graph.values()) {
      if (value == nullptr) continue;
      owned.insert(value.get());
      if (value->producer() == nullptr) {
        if (value->IsInput() || value->IsConstant()) ready.insert(value.get());
      } else if (value->IsConstant() || value->IsInput()) {
        return InvalidGraph("Value '{}' is an input or constant and has a producer too", value->name());
      }
    }
    for (const Value* input : graph.inputs()) {
      if (!owned.contains(input)) return InvalidGraph("A graph input is no value of the graph");
    }
    return OkStatus();
  }

  Status Inputs(const Node& node) {
    for (const Value* value : node.inputs()) {
      if (value == nullptr) continue;
      if (!owned.contains(value)) return InvalidGraph("Node '{}' reads a value of another graph", node.name);
      if (!ready.contains(value)) {
        return InvalidGraph("Node '{}' reads '{}' before anything made it", node.name, value->name());
      }
      ++uses[value][&node];
    }
    return OkStatus();
  }

  Status Outputs(const Node& node) {
    for (size_t i = 0; i < node.outputs().size(); ++i) {
      const Value* value = node.output(i);
      if (value == nullptr) continue;
      if (!owned.contains(value)) return InvalidGraph("Node '{}' makes a value of another graph", node.name);
      if (value->producer() != &node || value->producer_output() != static_cast<int>(i)) {
        return InvalidGraph("Value '{}' does not name node '{}' as its producer", value->name(), node.name);
      }
      ready.insert(value);
    }
    return OkStatus();
  }

  Status Nodes() {
    size_t count = 0;
    const Node* previous = nullptr;
    for (const Node* node = graph.first(); node != nullptr; node = node->next()) {
      if (node->op == nullptr)
        return InvalidGraph("Node '{}' ({}) has no operator", node->name, node->op_type);
      if (node->previous() != previous) return InvalidGraph("Node '{}' is badly linked", node->name);
      ORTOLAN_RETURN_IF_ERROR(Inputs(*node));
      ORTOLAN_RETURN_IF_ERROR(Outputs(*node));
      for (const auto& [name, attribute] : node->attributes.items()) {
        const auto* body = std::get_if<std::shared_ptr<Graph>>(&attribute);
        if (body == nullptr) continue;
        if (*body == nullptr || (*body)->dims() != graph.dims()) {
          return InvalidGraph("Body '{}' of node '{}' does not share the graph's dimensions", name,
                              node->name);
        }
        if (CapturedCount(*node) > std::min(node->inputs().size(), (*body)->inputs().size())) {
          return InvalidGraph("Body '{}' of node '{}' captures more than its inputs", name, node->name);
        }
        bodies->push_back(body->get());
      }
      previous = node;
      ++count;
    }
    if (graph.last() != previous || graph.node_count() != count)
      return InvalidGraph("The list of nodes is broken");
    return OkStatus();
  }

  Status Uses() {
    for (const Value* value : owned) {
      auto& readers = uses[value];
      for (const Node* node : value->consumers()) --readers[node];
      for (const auto& [node, difference] : readers) {
        if (difference != 0) return InvalidGraph("The uses of value '{}' are out of step", value->name());
      }
    }
    std::unordered_map<const Value*, size_t> outputs;
    for (const Value* output : graph.outputs()) {
      if (!ready.contains(output)) return InvalidGraph("A graph output is never made");
      ++outputs[output];
    }
    for (const Value* value : owned) {
      if (value->IsOutput() != outputs.contains(value)) {
        return InvalidGraph("Value '{}' is wrong about being an output", value->name());
      }
    }
    return OkStatus();
  }
};

}  // namespace

Status Verify(const Graph& graph) {
  std::vector<const Graph*> open{&graph};
  while (!open.empty()) {
    Checker checker{*open.back(), {}, {}, {}, &open};
    open.pop_back();
    ORTOLAN_RETURN_IF_ERROR(checker.Values());
    ORTOLAN_RETURN_IF_ERROR(checker.Nodes());
    ORTOLAN_RETURN_IF_ERROR(checker.Uses());
  }
  return OkStatus();
}

}  // namespace ortolan::graph
