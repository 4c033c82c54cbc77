// Runs a Plan. One Executor serves any number of threads: each run owns every mutable byte (a Frame), frames
// and bindings are kept for the next run of the same input shapes, which then allocates, looks up and infers
// nothing.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "exec/foresight.h"
#include "plan/bound_plan.h"
#include "value/value.h"

namespace ortolan::exec {

class Frame;

// Told about each step; for profiles. Called on the thread that ran the step, from several at once where the
// plan is parallel.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  virtual void StepDone(const plan::BoundPlan& bound, const plan::BoundStep& step, int64_t start_ns,
                        int64_t end_ns, const RunContext& context) = 0;
};

struct RunRequest {
  std::span<const Value> inputs;  // one for each plan input; checked by the caller
  // One for each plan output. A tensor that is set on entry and has the output's type and shape is written in
  // place; all others are replaced by fresh ones. An output never shares memory with an input, a constant or
  // another output.
  std::span<Value> outputs;
  const std::atomic<bool>* cancelled = nullptr;
  StepObserver* observer = nullptr;
  // Outputs, by position, whose steps alone are to run; the others keep what they had. None: all outputs.
  std::span<const int> wanted = {};
  size_t most_arena_bytes = 0;  // a run that plans for more fails; 0: no bound
};

struct MemoryStats {
  size_t arena_bytes = 0;    // held by frames that wait for the next run
  size_t planned_bytes = 0;  // of one run's arena, for the shapes that ran last
  size_t live_bytes = 0;  // for the same shapes: the most that is alive at once, which no plan can go below
};

class Executor {
 public:
  // body: of a control flow step. Its runs follow each other at once, which leaves no time for foresight.
  Executor(std::shared_ptr<const plan::Plan> plan, std::shared_ptr<ThreadPool> threads, bool body = false);
  ~Executor();

  Status Run(const RunRequest& request);

  const plan::Plan& plan() const { return *plan_; }
  ThreadPool& threads() const { return *threads_; }
  // Executors of a step's bodies, in their order; empty for steps without.
  std::span<const std::unique_ptr<Executor>> BodiesOf(const plan::Step& step) const;
  MemoryStats memory_stats() const;
  void Trim();  // gives the memory of idle frames back

 private:
  std::vector<char> StepsFor(std::span<const int> outputs) const;
  Result<std::shared_ptr<const plan::BoundPlan>> BindingFor(std::span<const Value> inputs);
  Result<std::shared_ptr<const plan::BoundPlan>> Bind(std::span<const Dims> signature);
  template <typename Matches>
  std::shared_ptr<const plan::BoundPlan> FindBinding(const Matches& matches);
  std::unique_ptr<Frame> TakeFrame(const std::shared_ptr<const plan::BoundPlan>& bound);
  void GiveFrame(std::unique_ptr<Frame> frame);
  void Foresee(const plan::BoundPlan& ran);

  std::shared_ptr<const plan::Plan> plan_;
  std::shared_ptr<ThreadPool> threads_;
  std::vector<std::vector<std::unique_ptr<Executor>>> bodies_;  // by step index

  std::mutex binder_mutex_;
  plan::Binder binder_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const plan::BoundPlan>> bindings_;  // most recently used last
  std::vector<std::unique_ptr<Frame>> idle_;
  std::atomic<const plan::BoundPlan*> ran_last_{nullptr};  // to be compared only
  std::unique_ptr<Foresight> foresight_;  // null for bodies; the last member: its thread uses the others
};

}  // namespace ortolan::exec
