// The ordered list of passes, and the loop that runs it.
#include <fmt/format.h>

#include <algorithm>

#include "passes/layout.h"
#include "passes/pass.h"
#include "passes/passes.h"

namespace ortolan::passes {
namespace {

// Inference first, so that every pass sees shapes; then operators between DequantizeLinear and QuantizeLinear
// become integer ones, before folding makes floats of the 8-bit weights; what loops need not carry folds in
// their bodies, too; folding infers as it goes. What
// works on float32 comes behind the widening of half types, which leaves casts that identities drop. What
// folding, identities and common subexpressions leave unread is dropped before fusions count uses. Layouts
// are chosen while elementwise nodes still stand alone; then epilogues take their elementwise tail, and only
// what is left is joined.
constexpr Pass kPipeline[] = {
    {"infer", Level::kAlways, "Finds the types, shapes and known contents of all values.", RunInfer},
    {"quantize", Level::kExtended,
     "What stands between DequantizeLinear and QuantizeLinear computes in 8-bit integers.", RunQuantize},
    {"invariant", Level::kBasic, "What loops carry and hand on unchanged is captured.", RunInvariant},
    {"fold", Level::kBasic, "Nodes whose results do not depend on the inputs become constants.", RunFold},
    {"widen", Level::kBasic, "Nodes of float16 and bfloat16 compute in float32, with casts at the edges.",
     RunWiden},
    {"identity", Level::kBasic, "Nodes that hand their input on unchanged disappear.", RunIdentity},
    {"cse", Level::kBasic, "Of nodes that compute the same from the same inputs one stays.", RunCse},
    {"batch_norm", Level::kBasic,
     "Scales and shifts by channel go into the weights of the convolution or product before them.",
     RunBatchNorm},
    {"normalization", Level::kExtended,
     "Normalization that is spelled out becomes LayerNormalization or RMSNormalization.", RunNormalization},
    {"attention", Level::kExtended, "Attention that is spelled out becomes Attention.", RunAttentionFusion},
    {"projection", Level::kExtended, "Attention reads Q, K and V where one product has written them.",
     RunProjection},
    {"dead", Level::kBasic, "What no output needs disappears.", RunDead},
    {"byte_layout", Level::kLayout, "8-bit convolutions and their neighbours move to channels-last maps.",
     RunByteLayout},
    {"layout", Level::kLayout, "Convolutions and their neighbours move to blocks of channels.", RunLayout},
    {"epilogue", Level::kExtended, "Elementwise nodes behind a product or convolution go into it.",
     RunEpilogueFusion},
    {"elementwise", Level::kExtended, "Connected elementwise nodes of one shape become one.",
     RunElementwiseFusion},
    {"dead", Level::kBasic, "What no output needs disappears.", RunDead},
    {"partition", Level::kAlways, "Every node gets a device, with copies where a value crosses.",
     RunPartition},
};

std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kAlways:
      return "disable_all";
    case Level::kBasic:
      return "basic";
    case Level::kExtended:
      return "extended";
    case Level::kLayout:
      return "layout";
  }
  return "";
}

void AppendBodies(const graph::Graph& graph, std::vector<std::shared_ptr<graph::Graph>>* bodies) {
  for (graph::Node* node = graph.first(); node != nullptr; node = node->next()) {
    for (const auto& [name, attribute] : node->attributes.items()) {
      const auto* body = std::get_if<std::shared_ptr<graph::Graph>>(&attribute);
      if (body != nullptr && *body != nullptr) bodies->push_back(*body);
    }
  }
}

bool HasBodies(const graph::Graph& graph) {
  std::vector<std::shared_ptr<graph::Graph>> bodies;
  AppendBodies(graph, &bodies);
  return !bodies.empty();
}

// The graph first, then the bodies that are left in it: what a pass finds out about captured values reaches
// them.
Status RunOnAll(const Pass& pass, graph::Graph& graph, bool has_bodies, PassContext& context) {
  ORTOLAN_RETURN_IF_ERROR(pass.run(graph, context));
  if (!has_bodies) return OkStatus();
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

std::vector<std::string> NamesInList(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    std::string_view name = list.substr(0, list.find_first_of(",;"));
    list.remove_prefix(std::min(list.size(), name.size() + 1));
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (!name.empty()) names.emplace_back(name);
  }
  return names;
}

std::string PassTable() {
  std::string text =
      "# Passes\n\n"
      "In the order in which they run, each from its level on: `ORT_DISABLE_ALL`, `ORT_ENABLE_BASIC`,\n"
      "`ORT_ENABLE_EXTENDED`, `ORT_ENABLE_LAYOUT`; `ORT_ENABLE_ALL`, the default, means all. Any of them "
      "but\n"
      "those of `disable_all` is turned off by its name: `InferenceSession(..., disabled_optimizers=[...])` "
      "in "
      "Python,\n"
      "the session entry `optimization.disable_specified_optimizers` (names with commas between them), or\n"
      "`--disable` of the command. Names that no pass has, onnxruntime's among them, are ignored.\n\n"
      "| pass | from level | what it does |\n|---|---|---|\n";
  for (const Pass& pass : Pipeline())
    text += fmt::format("| `{}` | {} | {} |\n", pass.name, LevelName(pass.level), pass.what);
  return text +
         "\nThis table is what `ortolan passes` prints; [adding-a-pass.md](adding-a-pass.md) tells more.\n";
}

Status RunPasses(graph::Graph& graph, PassContext& context) {
  const bool has_bodies = HasBodies(graph);  // no pass makes one
  for (const Pass& pass : Pipeline()) {
    if (pass.level > context.level) continue;
    if (pass.level != Level::kAlways && context.disabled.contains(pass.name)) continue;
    if (context.before) context.before(pass.name, graph);
    ORTOLAN_RETURN_IF_ERROR(RunOnAll(pass, graph, has_bodies, context));
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
