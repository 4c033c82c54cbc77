// Connected elementwise nodes of one shape become one ortolan::Elementwise. A region grows upwards from the
// node whose result is read outside; a producer joins where all its readers are in the region.
#include <algorithm>
#include <queue>
#include <unordered_set>

#include "ops/elementwise.h"
#include "passes/passes.h"
#include "passes/region.h"
#include "passes/rewrite.h"

namespace ortolan::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Shape;
using graph::Value;

// Beyond these a program needs more tiles than L1 holds: 24 tiles of 2 KB.
constexpr size_t kMostNodes = 24;
constexpr size_t kMostOperands = 12;

bool MayFuse(const Node& node) {
  return CanEmit(node) && node.op->traits.pure && node.payload == nullptr && node.output(0)->shape.has_rank();
}

class Fuser {
 public:
  Fuser(Graph& graph, const OpDef& op, const PassContext& context)
      : graph_(graph), op_(op), context_(context), order_(OrderOf(graph)) {}

  void Run() {
    for (Node* node = graph_.last(); node != nullptr;) {
      Node* next = node->previous();
      if (MayFuse(*node)) next = Fuse(*node);
      node = next;
    }
  }

 private:
  // The region that ends in `seed`, in the graph's order.
  std::vector<Node*> Grow(Node& seed) const {
    const auto earlier = [this](const Node* a, const Node* b) { return order_.at(a) < order_.at(b); };
    std::priority_queue<Node*, std::vector<Node*>, decltype(earlier)> open(earlier);
    std::unordered_set<const Node*> seen{&seed}, inside;
    std::vector<Node*> region;
    open.push(&seed);
    // Latest first: when a producer's turn comes, all its readers have had theirs.
    while (!open.empty() && region.size() < kMostNodes) {
      Node* node = open.top();
      open.pop();
      if (const char* why = node != &seed ? Obstacle(*node, seed, inside) : nullptr) {
        if (CanEmit(*node)) context_.Left(*node, why);
        continue;
      }
      region.push_back(node);
      inside.insert(node);
      for (const Value* value : node->inputs()) {
        Node* producer = value ? value->producer() : nullptr;
        if (producer != nullptr && order_.contains(producer) && seen.insert(producer).second)
          open.push(producer);
      }
    }
    std::ranges::reverse(region);
    return region;
  }

  // Why the node cannot join the region that ends in `seed`, or null.
  static const char* Obstacle(const Node& node, const Node& seed,
                              const std::unordered_set<const Node*>& inside) {
    if (!MayFuse(node)) return "it is part of another step";
    if (!(node.device == seed.device)) return "it runs on another device";
    if (node.output(0)->IsOutput()) return "its result is an output of the graph";
    if (!(node.output(0)->shape == seed.output(0)->shape)) return "its reader's result has another shape";
    const bool all = std::ranges::all_of(node.output(0)->consumers(),
                                         [&](const Node* reader) { return inside.contains(reader); });
    return all ? nullptr : "its result is read outside too";
  }

  // Whether the operands alone broadcast to the result, so that numbers may disappear from the inputs.
  bool Covers(const std::vector<Value*>& operands, const Shape& result) const {
    graph::Shape::DimList dims;
    for (const Value* value : operands) {
      if (!value->shape.has_rank()) return false;
      const auto& own = value->shape.dims();
      if (own.size() > dims.size()) dims.insert(dims.begin(), own.size() - dims.size(), graph::Dim(1));
      for (size_t i = 0; i < own.size(); ++i) {
        graph::Dim& dim = dims[dims.size() - own.size() + i];
        dim = graph::Dim::Broadcast(dim, own[i]);
      }
    }
    return Shape(std::move(dims)) == result;
  }

  // Returns the node to go on with.
  Node* Fuse(Node& seed) {
    std::vector<Node*> region = Grow(seed);
    std::vector<Value*> operands;
    for (;; region.erase(region.begin())) {  // without its first node a region is still closed
      if (region.size() < 2) return seed.previous();
      operands = OperandsOf(region, nullptr, true);
      if (!Covers(operands, seed.output(0)->shape)) operands = OperandsOf(region, nullptr, false);
      if (operands.size() <= kMostOperands) break;
    }
    auto program = CompileRegion(region, operands, seed.output(0), context_.isa);
    if (!program.ok()) return seed.previous();
    Node* fused = graph_.InsertBefore(&seed);
    InitNode(*fused, op_, seed);
    for (size_t i = region.size() - 1; i-- > 0;) AddSources(*fused, *region[i]);
    fused->payload = std::move(*program);
    fused->payload_text = NamesOf(region);
    fused->SetInputs(operands);
    fused->SetOutput(0, seed.output(0));
    for (const Node* node : region) order_.erase(node);
    EraseRegion(graph_, region);
    return fused->previous();
  }

  Graph& graph_;
  const OpDef& op_;
  const PassContext& context_;
  Order order_;
};

}  // namespace

Status RunElementwiseFusion(Graph& graph, PassContext& context) {
  if (const OpDef* op = FindOp("ortolan", "Elementwise")) Fuser(graph, *op, context).Run();
  return OkStatus();
}

}  // namespace ortolan::passes
