// The pass that moves convolutional parts of a graph to the blocked layout; see layout.cc.
#pragma once

#include "passes/pass.h"

namespace ortolan::passes {

// Runs after constants are folded and batch normalisation has gone into weights, and before elementwise nodes
// are fused: fusion then sees blocked values as ordinary tensors of one more axis.
Status RunLayout(graph::Graph& graph, PassContext& context);

}  // namespace ortolan::passes
