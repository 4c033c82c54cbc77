// Names of a list of nodes, before any Value exists: what bodies capture from outside, and an order in which
// every node stands behind the producers of what it reads.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "model/model.h"

namespace ortolan::import {

class Names {
 public:
  // Names that the body reads and does not define, in the order of first use. Computed once for each body.
  const std::vector<std::string_view>& Captured(const model::GraphView& body);

  // Names that a node reads: its inputs and what its bodies capture.
  template <typename Visit>
  void ForEachRead(const model::NodeView& node, Visit visit) {
    for (const std::string_view name : node.inputs) {
      if (!name.empty()) visit(name);
    }
    for (const model::AttributeView& attribute : node.attributes) {
      if (attribute.objects == nullptr) continue;
      for (const model::GraphView& body : attribute.objects->graph) {
        for (const std::string_view name : Captured(body)) visit(name);
      }
    }
  }

  // Positions of the nodes in topological order, the file's own where that is one. kFail for cycles and for
  // names that two nodes define.
  Result<std::vector<size_t>> Order(const std::vector<model::NodeView>& nodes);

 private:
  std::unordered_map<const model::GraphView*, std::vector<std::string_view>> captured_;
};

}  // namespace ortolan::import
