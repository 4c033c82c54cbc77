// Weights that several nodes read in the same way are packed once: layers that share their parameters, heads
// that are applied to several maps of one size.
#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/weight_store.h"
#include "ops/op.h"

namespace ortolan::plan {

class RepeatedWeights {
 public:
  // As ortolan::PrepareNode. The nodes have to stay as they are for as long as this lives.
  Status Prepare(PrepareContext& context, Prepared* prepared);

 private:
  struct Packed {
    const graph::Node* node;
    std::string kernel;
    std::vector<WeightBlock> blocks;
  };
  // By the first constant that other nodes read, too.
  std::unordered_map<const graph::Value*, std::vector<Packed>> packed_;
};

}  // namespace ortolan::plan
