// Passes rewrite a Graph into an equivalent one. Each is one function with a name by which it can be turned
// off; the ordered list is pipeline.cc.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>

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
  std::set<std::string, std::less<>> disabled;  // by name
  bool winograd = true;                         // whether convolutions may trade rounding for speed
  // The device that runs a node; empty: the CPU runs all.
  std::function<Device(const graph::Node& node)> place;
  // Called after each pass that ran; for `inspect --stage passes`.
  std::function<void(std::string_view pass, const graph::Graph& graph)> after;
};

struct Pass {
  std::string_view name;  // snake_case
  Level level;
  Status (*run)(graph::Graph& graph, PassContext& context);
};

// All passes, in the order in which they run.
std::span<const Pass> Pipeline();

// Runs the pipeline on the graph and its subgraphs.
Status RunPasses(graph::Graph& graph, PassContext& context);

}  // namespace ortolan::passes
