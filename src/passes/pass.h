// Passes rewrite a Graph into an equivalent one. Each is one function with a name by which it can be turned
// off; the ordered list, with levels and a sentence on each, is pipeline.cc, and docs/passes.md prints it.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu.h"
#include "base/status.h"
#include "graph/graph.h"
#include "threads/pool.h"

namespace ortolan::passes {

// The least optimisation level at which a pass runs; what onnxruntime's levels mean here.
enum class Level : uint8_t {
  kAlways,    // without it no plan can be made (types, devices)
  kBasic,     // folding, dead code, identities
  kExtended,  // fusions
  kLayout,    // blocked layouts
};

struct PassContext {
  ThreadPool& threads;
  Isa isa = Isa::kScalar;
  Level level = Level::kLayout;                 // passes above it are left out
  std::set<std::string, std::less<>> disabled;  // by name; those of kAlways run all the same
  bool winograd = true;                         // whether convolutions may trade rounding for speed
  // The device that runs a node; empty: the CPU runs all.
  std::function<Device(const graph::Node& node)> place;
  // Told of a node that the running pass would have taken but for one fact; for `explain`.
  std::function<void(const graph::Node& node, std::string_view why)> left;
  void Left(const graph::Node& node, std::string_view why) const {
    if (left) left(node, why);
  }
  // Called before and after each pass that runs; for `inspect --stage passes` and `explain`.
  std::function<void(std::string_view pass, const graph::Graph& graph)> before;
  std::function<void(std::string_view pass, const graph::Graph& graph)> after;
};

struct Pass {
  std::string_view name;  // snake_case
  Level level;
  std::string_view what;  // one sentence, for people
  Status (*run)(graph::Graph& graph, PassContext& context);
};

// All passes, in the order in which they run.
std::span<const Pass> Pipeline();

// The names in a list that commas or semicolons separate, as onnxruntime's
// `optimization.disable_specified_optimizers` has it.
std::vector<std::string> NamesInList(std::string_view list);

// The list of passes as Markdown: docs/passes.md.
std::string PassTable();

// Runs the pipeline on the graph and its subgraphs.
Status RunPasses(graph::Graph& graph, PassContext& context);

}  // namespace ortolan::passes
