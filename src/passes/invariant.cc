// What a Loop or Scan carries and its body hands on unchanged is captured instead: TensorFlow's loops carry
// all that they read, weights too, and a captured constant becomes a constant of the body, which kernels
// pack. The loop's result for it is the value that came in, however often the body runs.
#include <algorithm>

#include "passes/passes.h"
#include "passes/rewrite.h"

namespace ortolan::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

// Where a node with a body has its carried values.
struct Carried {
  Graph* body = nullptr;
  size_t count = 0;
  size_t first_input = 0;  // of the node and of the body alike
  size_t first_body_output = 0;
};

Carried CarriedBy(const Node& node) {
  Carried carried;
  carried.body = node.attributes.Subgraph("body");
  const size_t captured = graph::CapturedCount(node), inputs = node.inputs().size();
  if (carried.body == nullptr || carried.body->inputs().size() != inputs || captured > inputs) return {};
  if (IsOp(&node, "Loop") && inputs >= 2 + captured) {
    carried.first_input = 2;
    carried.first_body_output = 1;
    carried.count = inputs - captured - 2;
  } else if (IsOp(&node, "Scan") && node.HasInput(0)) {  // opset 8 has the lengths in front, and a batch axis
    const auto scans = static_cast<size_t>(std::max<int64_t>(node.attributes.Int("num_scan_inputs", 0), 0));
    if (inputs >= scans + captured) carried.count = inputs - captured - scans;
  }
  const size_t outputs = carried.body->outputs().size();
  return outputs >= carried.first_body_output + carried.count ? carried : Carried{};
}

const Value* Origin(const Value* value) {
  while (IsOp(value->producer(), "Identity")) value = value->producer()->input(0);
  return value;
}

// Makes carried value `i` a captured one; it is the node's last input then.
void Capture(Graph& graph, Node& node, const Carried& carried, size_t i) {
  Graph& body = *carried.body;
  const size_t at = carried.first_input + i;
  std::vector<Value*> inputs = node.inputs();
  Value* const initial = inputs[at];
  inputs.erase(inputs.begin() + static_cast<ptrdiff_t>(at));
  inputs.push_back(initial);
  node.SetInputs(std::move(inputs));
  Value* const inner = body.inputs()[at];
  body.RemoveInput(at);
  body.AddInput(inner);
  body.RemoveOutput(carried.first_body_output + i);
  std::vector<Value*> outputs = node.outputs();
  if (i < outputs.size()) {
    Value* const result = outputs[i];
    for (size_t o = 0; o < outputs.size(); ++o) node.SetOutput(o, nullptr);
    outputs.erase(outputs.begin() + static_cast<ptrdiff_t>(i));
    node.TruncateOutputs(outputs.size());
    for (size_t o = 0; o < outputs.size(); ++o) node.SetOutput(o, outputs[o]);
    if (result != nullptr) {
      graph.ReplaceUses(result, initial);
      graph.EraseValue(result);
    }
  }
  node.attributes.Set(graph::kCapturedAttribute, static_cast<int64_t>(graph::CapturedCount(node) + 1));
}

}  // namespace

Status RunInvariant(Graph& graph, PassContext& /*context*/) {
  graph.ForEachNode([&](Node& node) {
    Carried carried = CarriedBy(node);
    for (size_t i = 0; i < carried.count;) {
      const Value* inner = carried.body->inputs()[carried.first_input + i];
      const Value* initial = node.input(carried.first_input + i);
      const Value* handed_on = carried.body->outputs()[carried.first_body_output + i];
      // A node without outputs is no node.
      const bool others = i >= node.outputs().size() || node.outputs().size() > 1;
      if (Origin(handed_on) == inner && initial != nullptr && initial->type == inner->type && others) {
        Capture(graph, node, carried, i);
        --carried.count;
      } else {
        ++i;
      }
    }
    UpdateCaptured(node);
  });
  return OkStatus();
}

}  // namespace ortolan::passes
