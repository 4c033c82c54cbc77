// The ordered list of passes, and the loop that runs it.
#include "passes/layout.h"
#include "passes/pass.h"
#include "passes/passes.h"

namespace ortolan::passes {
namespace {

// Inference first, so that every pass sees shapes; then operators between DequantizeLinear and QuantizeLinear
// become integer ones, before folding makes floats of the 8-bit weights; folding infers as it goes. What
// works on float32 comes behind the widening of half types, which leaves casts that identities drop. What
// folding, identities and common subexpressions leave unread is dropped before fusions count uses. Layouts
// are chosen while elementwise nodes still stand alone; then epilogues take their elementwise tail, and only
// what is left is joined.
constexpr Pass kPipeline[] = {
    {"infer", Level::kAlways, RunInfer},
    {"quantize", Level::kExtended, RunQuantize},
    {"fold", Level::kBasic, RunFold},
    {"widen", Level::kBasic, RunWiden},
    {"identity", Level::kBasic, RunIdentity},
    {"cse", Level::kBasic, RunCse},
    {"batch_norm", Level::kBasic, RunBatchNorm},
    {"normalization", Level::kExtended, RunNormalization},
    {"attention", Level::kExtended, RunAttentionFusion},
    {"dead", Level::kBasic, RunDead},
    {"byte_layout", Level::kExtended, RunByteLayout},
    {"layout", Level::kLayout, RunLayout},
    {"epilogue", Level::kExtended, RunEpilogueFusion},
    {"elementwise", Level::kExtended, RunElementwiseFusion},
    {"dead", Level::kBasic, RunDead},
    {"partition", Level::kAlways, RunPartition},
};

void AppendBodies(const graph::Graph& graph, std::vector<std::shared_ptr<graph::Graph>>* bodies) {
  for (graph::Node* node = graph.first(); node != nullptr; node = node->next()) {
    for (const auto& [name, attribute] : node->attributes.items()) {
      const auto* body = std::get_if<std::shared_ptr<graph::Graph>>(&attribute);
      if (body != nullptr && *body != nullptr) bodies->push_back(*body);
    }
  }
}

// The graph first, then the bodies that are left in it: what a pass finds out about captured values reaches
// them.
Status RunOnAll(const Pass& pass, graph::Graph& graph, PassContext& context) {
  ORTOLAN_RETURN_IF_ERROR(pass.run(graph, context));
  std::vector<std::shared_ptr<graph::Graph>> open;
  AppendBodies(graph, &open);
  while (!open.empty()) {
    const std::shared_ptr<graph::Graph> body = std::move(open.back());
    open.pop_back();
    ORTOLAN_RETURN_IF_ERROR(pass.run(*body, context));
    AppendBodies(*body, &open);
  }
  return OkStatus();
}

}  // namespace

std::span<const Pass> Pipeline() {
  return kPipeline;
}

Status RunPasses(graph::Graph& graph, PassContext& context) {
  for (const Pass& pass : Pipeline()) {
    if (pass.level > context.level || context.disabled.contains(pass.name)) continue;
    ORTOLAN_RETURN_IF_ERROR(RunOnAll(pass, graph, context));
#ifndef NDEBUG
    if (Status status = graph::Verify(graph); !status.ok()) {
      return std::move(status).WithContext(fmt::format("After pass {}", pass.name));
    }
#endif
    if (context.after) context.after(pass.name, graph);
  }
  return OkStatus();
}

}  // namespace ortolan::passes
