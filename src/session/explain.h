// What the engine makes of a model, told for people: which pass did what, what it left and why, and what each
// step of the plan costs. `ortolan explain` prints it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "import/import.h"
#include "session/options.h"

namespace ortolan::session {

// A change that a pass made, as often as it made it.
struct Rewrite {
  std::string text;                // "Conv, Relu -> Conv [Relu]"
  std::vector<std::string> nodes;  // one name of the file for each time
};

struct PassReport {
  std::string name;
  bool ran = true;  // false: turned off, by name or level
  size_t nodes_before = 0;
  size_t nodes_after = 0;
  double ms = 0;
  std::vector<Rewrite> rewrites;  // the most frequent first
};

// A step that a pass would have taken but for one fact.
struct LeftStep {
  std::string pass, op, node, why;
};

struct ExplainedStep {
  std::string op;      // with what was fused into it: "Conv [Relu]"
  std::string kernel;  // empty for control flow
  std::string name;
  std::string shape;                 // of its first result; "?" where data decides it
  std::vector<std::string> sources;  // nodes of the file
  double flops = 0;                  // 0 where the operator states none
  double bytes = 0;                  // read and written, weights included
  size_t live_bytes = 0;             // of the run's memory, while it runs
};

struct Explanation {
  std::vector<std::string> inputs;  // "x float[1,3,224,224]"
  std::vector<PassReport> passes;
  std::vector<LeftStep> left;
  std::vector<ExplainedStep> steps;  // those that run at these shapes
  size_t steps_of_plan = 0;          // views and shape arithmetic included
  size_t weight_bytes = 0;           // of constants, as the file has them behind the passes
  size_t live_bytes = 0;             // the most that is alive at once
  size_t arena_bytes = 0;            // what a run takes for that
};

// `sizes` gives the shape of an input as it is declared.
using SizesOf = std::function<Result<Dims>(const import::DeclaredValue& input)>;
Result<Explanation> Explain(const std::string& path, const SizesOf& sizes, const Options& options);

// The passes, in order, as Markdown: docs/passes.md.
std::string PassTable();

}  // namespace ortolan::session
