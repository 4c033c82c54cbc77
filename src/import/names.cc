#include "import/names.h"

#include <unordered_set>
#include <utility>

namespace ortolan::import {

using model::GraphView;
using model::NodeView;

// Recursion is as deep as graphs nest, which the parser limits.
const std::vector<std::string_view>& Names::Captured(const GraphView& body) {
  if (const auto found = captured_.find(&body); found != captured_.end()) return found->second;
  std::unordered_set<std::string_view> known;  // defined here, or captured already
  for (const auto& input : body.inputs) known.insert(input.name);
  for (const auto& tensor : body.initializers) known.insert(tensor.name);
  for (const auto& sparse : body.sparse_initializers) known.insert(sparse.values.name);
  for (const NodeView& node : body.nodes) known.insert(node.outputs.begin(), node.outputs.end());
  std::vector<std::string_view> captured;
  const auto read = [&](std::string_view name) {
    if (known.insert(name).second) captured.push_back(name);
  };
  for (const NodeView& node : body.nodes) ForEachRead(node, read);
  for (const auto& output : body.outputs) {
    if (!output.name.empty()) read(output.name);
  }
  return captured_.emplace(&body, std::move(captured)).first->second;
}

Result<std::vector<size_t>> Names::Order(const std::vector<NodeView>& nodes) {
  std::unordered_map<std::string_view, size_t> producers;
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (const std::string_view output : nodes[i].outputs) {
      if (output.empty()) continue;
      if (!producers.emplace(output, i).second) {
        return Fail("This is an invalid model. Error: Duplicate definition of name ({}).", output);
      }
    }
  }
  // Depth first over producers, in the file's order, without recursion: a chain may be as long as the file.
  enum class State : uint8_t { kNew, kOpen, kDone };
  std::vector<State> states(nodes.size(), State::kNew);
  std::vector<size_t> order;
  order.reserve(nodes.size());
  std::vector<size_t> stack;
  for (size_t root = 0; root < nodes.size(); ++root) {
    stack.push_back(root);
    while (!stack.empty()) {
      const size_t i = stack.back();
      if (states[i] != State::kNew) {
        stack.pop_back();
        if (states[i] == State::kOpen) order.push_back(i);
        states[i] = State::kDone;
        continue;
      }
      states[i] = State::kOpen;
      bool cycle = false;
      ForEachRead(nodes[i], [&](std::string_view name) {
        const auto producer = producers.find(name);
        if (producer == producers.end()) return;
        cycle |= states[producer->second] == State::kOpen;
        if (states[producer->second] == State::kNew) stack.push_back(producer->second);
      });
      if (cycle) return Fail("This is an invalid model. Error: the graph is not acyclic.");
    }
  }
  return order;
}

}  // namespace ortolan::import
