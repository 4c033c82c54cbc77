// Frame: the mutable side of one run: the arena, a TensorRef for each value, and what steps made for
// themselves.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "exec/executor.h"

namespace ortolan::exec {

class Frame {
 public:
  explicit Frame(Executor& executor) : executor_(executor) {}

  const plan::BoundPlan* bound() const { return bound_.get(); }
  size_t arena_bytes() const { return arena_.size(); }

  // Points every value of the binding at its memory. Needed when the frame served another signature before.
  Status Prepare(std::shared_ptr<const plan::BoundPlan> bound);
  // needed: whether each step of the plan is to run; empty where all are.
  Status Run(const RunRequest& request, std::span<const char> needed);

 private:
  friend class StepContext;

  void SetInputs(const RunRequest& request);
  Status SetOutputs(const RunRequest& request);
  Status RunSteps(const RunRequest& request, std::span<const char> needed);
  Status RunStep(size_t s, const RunRequest& request, std::span<const char> needed,
                 class StepContext& context);
  Status RunGroup(size_t begin, size_t end, const RunRequest& request, std::span<const char> needed);
  Status RunDynamic(const plan::BoundStep& step, class StepContext& context);
  Status RunView(const plan::BoundStep& step, const graph::Shape& shape);
  Status GiveOutputs(const RunRequest& request);
  void ReleaseRun();
  Status AllocateDynamic(int value, const Dims& dims);
  Value ValueOf(int i) const;

  Executor& executor_;
  std::shared_ptr<const plan::BoundPlan> bound_;
  AlignedBuffer arena_;
  std::vector<TensorRef> refs_;  // by value index
  std::vector<Value> objects_;   // owners of dynamic tensors and fresh outputs; sequences, maps, optionals
  std::vector<int> owning_;      // the values that objects_ may hold something for
  std::vector<const TensorRef*> input_refs_;  // the arguments of all steps, one after another
  std::vector<TensorRef*> output_refs_;
  struct Arguments {
    size_t first_input;
    size_t first_output;
  };
  std::vector<Arguments> arguments_;  // by bound step
  std::vector<std::vector<int>>
      values_of_input_;  // the values that share each input's and each output's memory
  std::vector<std::vector<int>> values_of_output_;
};

}  // namespace ortolan::exec
