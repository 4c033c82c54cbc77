// Session: a model, ready to run. Ties the stages together: bytes -> model -> graph -> passes -> plan ->
// executor. Everything after construction is safe to call from any number of threads.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "exec/executor.h"
#include "export/onnx.h"
#include "import/import.h"
#include "session/async.h"
#include "session/options.h"
#include "session/plan_cache.h"
#include "session/runtime.h"

namespace ortolan::session {

class Profiler;

class Session {
 public:
  static Result<std::unique_ptr<Session>> FromFile(const std::string& path, Options options);
  // The bytes must live as long as `owner`; a null owner makes a copy.
  static Result<std::unique_ptr<Session>> FromBytes(std::span<const std::byte> bytes,
                                                    std::shared_ptr<const void> owner, Options options);
  ~Session();

  // What the file declares, completed by inference. Overridable initializers are inputs that may be left out.
  const std::vector<import::DeclaredValue>& inputs() const { return model_.inputs; }
  const std::vector<import::DeclaredValue>& outputs() const { return model_.outputs; }
  const std::vector<import::DeclaredValue>& overridable_initializers() const { return model_.overridable; }
  const import::Metadata& metadata() const { return model_.metadata; }
  const Options& options() const { return options_; }

  // Positions for Run: inputs first, then overridable initializers; -1 where there is no such name.
  int InputIndex(std::string_view name) const;
  int OutputIndex(std::string_view name) const;

  // Computes the outputs `wanted` (by position; none: all) from the feeds, one for each input and overridable
  // initializer (kNone where not fed). results has one element for each wanted output; tensors that are set
  // on entry and fit are written in place. Errors: kInvalidArgument for feeds that contradict the
  // declaration, the operator's code with the node's name otherwise.
  Status Run(std::span<const Value> feeds, std::span<const int> wanted, const RunOptions& options,
             std::span<Value> results);

  // The same on a thread of the session's; `done` is called there. What was posted is finished before the
  // session goes; `done` may drop the session.
  using Done = std::function<void(Status status, std::vector<Value> results)>;
  void RunAsync(std::vector<Value> feeds, std::vector<int> wanted, RunOptions options, Done done);
  // Any other task on such a thread.
  void Post(std::function<void()> task);

  // Checks one feed against the declaration: type, rank, sizes.
  Status CheckFeed(size_t input, const Value& feed) const;

  // Ends profiling and returns the file's name; empty where profiling is off or over.
  Result<std::string> EndProfiling();
  uint64_t profiling_start_ns() const;

  Logger logger() const { return {options_.log_id, options_.log_severity}; }
  exec::MemoryStats memory_stats() const { return executor_->memory_stats(); }
  size_t weight_bytes() const;  // packed and kept constants; sessions of one file share them
  void Trim() { executor_->Trim(); }
  const plan::Plan& plan() const { return executor_->plan(); }
  ThreadPool& threads() const { return *threads_; }

 private:
  Session(Options options, std::shared_ptr<ThreadPool> threads, int64_t start_ns);
  static Result<std::unique_ptr<Session>> Build(model::ModelView view, Options options,
                                                const char* loading_event, int64_t start_ns);
  // Writes the model to options_.optimized_model_path as it stands after the passes up to kBasic: what later
  // passes make has no standard form.
  Status SaveOptimized(const model::ModelView& view) const;
  static Status OwnSequences(std::span<const Value> feeds, std::span<Value> results);
  static Status CopyResult(const Value& from, Value& to);
  Result<std::unique_ptr<exec::Executor>> MakeExecutor(std::shared_ptr<graph::Graph> graph,
                                                       WeightStore* store) const;
  // The executor of the model as it stands, its packed weights shared with other sessions and kept for later
  // ones.
  Status MakeCachedExecutor(const model::ModelView& view);
  Result<exec::Executor*> OverridingExecutor();
  // Whether an input that is declared as a scalar is fed with another rank, which onnxruntime allows.
  bool FeedsRankToScalar(std::span<const Value> feeds) const;
  Status RunAll(std::span<const Value> feeds, std::span<const int> wanted, const RunOptions& options,
                std::span<Value> outputs);
  Status RunWanted(std::span<const Value> feeds, std::span<const int> wanted, const RunOptions& options,
                   std::span<Value> results);

  Logger LoggerOf(const RunOptions& options) const;
  void LogStart() const;
  void LogPlan() const;

  Options options_;
  bool flush_denormals_;
  std::shared_ptr<ThreadPool> threads_;
  import::ImportedModel model_;
  model::ModelView view_;        // kept only for models with what OverridingExecutor may be asked for
  std::vector<size_t> scalars_;  // inputs that are declared as such, where view_ is kept
  std::vector<Tensor> overridable_defaults_;
  std::unordered_map<std::string_view, int> input_index_;
  std::unordered_map<std::string_view, int> output_index_;
  std::unique_ptr<exec::Executor> executor_;
  SharedWeights weights_;  // what other sessions of the model may take
  std::mutex overriding_mutex_;
  // Overridable initializers as inputs, scalars of any rank; made when a run first needs either.
  std::unique_ptr<exec::Executor> overriding_;
  std::unique_ptr<Profiler> profiler_;
  std::once_flag async_once_;
  std::unique_ptr<AsyncRunner> async_;  // made by the first RunAsync; the last member, so that it goes first
};

// The optimized form of a model, serialized; what SaveOptimized writes.
Result<exporting::OnnxFiles> OptimizedModel(const model::ModelView& view, const Options& options,
                                            ThreadPool& threads);

// The text of one stage of a model file: "model", "graph", "passes" or "plan".
Result<std::string> DescribeStage(const std::string& path, std::string_view stage, const Options& options);

}  // namespace ortolan::session
