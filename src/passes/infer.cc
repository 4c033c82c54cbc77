#include "ops/op.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace ortolan::passes {

Status RunInfer(graph::Graph& graph, PassContext&) {
  for (graph::Node* node = graph.first(); node != nullptr; node = node->next()) {
    UpdateCaptured(*node);
    ORTOLAN_RETURN_IF_ERROR(InferInPlace(*node, *graph.dims()));
  }
  return OkStatus();
}

}  // namespace ortolan::passes
