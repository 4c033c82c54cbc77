// Devices: every node gets one, and a Copy stands where a value crosses from one to another.
#include <map>
#include <unordered_map>

#include "ops/op.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace ortolan::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

// The value on another device; one copy for all its readers there, right behind the value's producer.
class Copies {
 public:
  Copies(Graph& graph, const OpDef& copy) : graph_(graph), copy_(copy) {}

  Value* On(Value* value, Device device, Node* reader) {
    const auto key = std::pair(device.kind, device.id);
    auto& made = copies_[value];
    if (const auto found = made.find(key); found != made.end()) return found->second;
    Node* producer = value->producer();
    // Inputs and constants are copied where they are first read, which is before any other reader.
    Node* node = graph_.InsertBefore(producer ? producer->next() : reader);
    InitNode(*node, copy_, producer ? *producer : *reader);
    node->device = device;
    Value* copy = graph_.NewValue(value->name());
    copy->type = value->type;
    copy->shape = value->shape;
    copy->contents = value->contents;
    copy->device = device;
    node->SetInput(0, value);
    node->SetOutput(0, copy);
    return made[key] = copy;
  }

 private:
  Graph& graph_;
  const OpDef& copy_;
  std::unordered_map<Value*, std::map<std::pair<Device::Kind, uint8_t>, Value*>> copies_;
};

}  // namespace

Status RunPartition(Graph& graph, PassContext& context) {
  if (!context.place) return OkStatus();  // the CPU for all, which is what nodes and values start with
  graph.ForEachNode([&](Node& node) {
    node.device = context.place(node);
    for (Value* value : node.outputs()) {
      if (value != nullptr) value->device = node.device;
    }
  });
  const OpDef* copy = FindOp("ortolan", "Copy");
  if (copy == nullptr) return NotImplemented("There is no operator that copies between devices");
  Copies copies(graph, *copy);
  graph.ForEachNode([&](Node& node) {
    if (node.op == copy) return;
    for (size_t i = 0; i < node.inputs().size(); ++i) {
      Value* value = node.input(i);
      if (value != nullptr && !(value->device == node.device))
        node.SetInput(i, copies.On(value, node.device, &node));
    }
  });
  // What leaves the graph is on the CPU: callers and bodies' callers know nothing of devices.
  for (size_t i = 0; i < graph.outputs().size(); ++i) {
    Value* value = graph.outputs()[i];
    if (!(value->device == Device{})) graph.SetOutput(i, copies.On(value, Device{}, nullptr));
  }
  return OkStatus();
}

}  // namespace ortolan::passes
