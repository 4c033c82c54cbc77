// Stage two of a plan, made once per signature of input shapes: every shape, which steps still have to run
// (shape arithmetic is done here, once), where each value lives in the arena, and each kernel's own sizes.
//
// Shapes that depend on data cannot be known here. A step that has such an input or output is dynamic: when
// the run reaches it, its inference is asked again with the data at hand and its outputs get memory of their
// own.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "plan/plan.h"
#include "value/value.h"

namespace ortolan::plan {

// Where the bytes of a value are during a run.
enum class Place : uint8_t {
  kUnused,    // no step that runs touches it
  kConstant,  // the plan's, or shape arithmetic done at binding
  kInput,     // the caller's
  kOutput,    // memory that outlives the run
  kArena,     // at an offset of the run's arena
  kDynamic,   // memory made during the run; sequences, maps and optionals too
};

struct BoundValue {
  Place place = Place::kUnused;
  bool known = false;  // dims are
  Dims dims;
  size_t offset = 0;                 // kArena
  int index = -1;                    // kInput: which input; kOutput: the output whose memory it shares
  const Tensor* constant = nullptr;  // kConstant: the plan's, or one of BoundPlan::made
};

struct BoundStep {
  const Step* step = nullptr;
  bool dynamic = false;
  Binding binding;
  size_t scratch_offset = 0;
  size_t live_bytes = 0;      // of the arena while it runs, its scratch included
  size_t group_end = 0;       // one past the last of the neighbouring steps that may run side by side with it
  std::vector<int> released;  // dynamic values that nothing reads after this step
};

struct BoundPlan {
  std::shared_ptr<const Plan> plan;
  std::vector<Dims> input_dims;    // the signature
  std::vector<BoundValue> values;  // by the plan's value index
  std::vector<BoundStep> steps;
  std::vector<std::shared_ptr<const Tensor>> made;  // the results of shape arithmetic that steps read
  size_t arena_bytes = 0;
  size_t live_bytes = 0;  // the most that is alive at once: what no placement can go below
};

// Makes the bindings of one plan, one after another; each takes over from the one before it what did not
// change. For one thread at a time.
class Binder {
 public:
  explicit Binder(std::shared_ptr<const Plan> plan);
  ~Binder();
  // As the function below.
  Result<std::shared_ptr<const BoundPlan>> Bind(std::span<const Dims> input_dims, int threads);

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

// input_dims has one entry for each plan input (ignored for inputs that are no tensors). Fails where shapes
// contradict an operator; the error names the node.
Result<std::shared_ptr<const BoundPlan>> Bind(std::shared_ptr<const Plan> plan,
                                              std::span<const Dims> input_dims, int threads);

}  // namespace ortolan::plan
