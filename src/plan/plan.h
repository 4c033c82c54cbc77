// Stage one of a plan, made once per model: kernels are chosen, constants are packed, the order is fixed. A
// Plan is immutable and shared by all threads. What depends on concrete shapes is stage two:
// plan/bound_plan.h.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/status.h"
#include "graph/graph.h"
#include "ops/op.h"
#include "threads/pool.h"

namespace ortolan::plan {

struct PlanOptions {
  Isa isa = Isa::kScalar;
  bool deterministic = false;
  bool parallel = false;         // steps that do not wait for each other run side by side
  WeightStore* store = nullptr;  // for packed weights, used while the plan is made; null: one of its own
};

// An edge of the plan; its index is how steps name it.
struct PlanValue {
  const graph::Value* source = nullptr;
  int input = -1;       // position among the plan's inputs
  bool tensor = false;  // as source->type says
  DType dtype = DType::kUndefined;
  bool constant =
      false;  // source->constant() holds it (without its elements, where every reader packed them)
};

class Plan;

// One call. Steps stand in the order in which they run.
struct Step {
  const graph::Node* node = nullptr;  // kept alive by the plan
  Prepared prepared;                  // no run function for views and control flow
  std::span<const int> inputs;        // value indices, -1 where absent
  std::span<const int> outputs;
  std::vector<std::shared_ptr<const Plan>>
      bodies;  // plans of the node's subgraphs, in the order of its attributes
};

// What a binding asks of every step, side by side in memory: between two runs a model's weights have pushed
// the nodes and operators themselves out of the caches.
struct StepFacts {
  std::span<const int> inputs;  // as the step's
  std::span<const int> outputs;
  int8_t view_of = -1;  // as Traits has them
  uint8_t in_place = 0;
  bool control_flow = false;
};

class Plan {
 public:
  // Takes the graph over: packed constants lose their elements. Errors name the node.
  static Result<std::shared_ptr<const Plan>> Make(std::shared_ptr<graph::Graph> graph,
                                                  const PlanOptions& options, ThreadPool& threads);

  const graph::Graph& graph() const { return *graph_; }
  const std::vector<PlanValue>& values() const { return values_; }
  const std::vector<Step>& steps() const { return steps_; }
  std::span<const StepFacts> step_facts() const { return step_facts_; }  // by step
  size_t IndexOf(const Step& step) const { return static_cast<size_t>(&step - steps_.data()); }
  const std::vector<int>& inputs() const { return inputs_; }
  const std::vector<int>& outputs() const { return outputs_; }
  bool parallel() const { return parallel_; }

 private:
  std::shared_ptr<graph::Graph> graph_;
  std::vector<PlanValue> values_;
  std::vector<Step> steps_;
  std::vector<StepFacts> step_facts_;
  std::vector<int> arguments_;  // the inputs and outputs of all steps, one after another
  std::vector<int> inputs_;
  std::vector<int> outputs_;
  bool parallel_ = false;
};

// A line a step: operator, kernel, inputs, outputs. For `inspect --stage plan`.
std::string Dump(const Plan& plan);

// How errors name the node that failed; onnxruntime's words, which clients search for.
Status NodeError(const graph::Node& node, Status status);

}  // namespace ortolan::plan
