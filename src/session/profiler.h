// Profiler: collects a session's events and writes them in onnxruntime's profile format, a JSON list for
// chrome://tracing. All methods are safe to call from several threads.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "base/status.h"
#include "exec/executor.h"

namespace ortolan::session {

class Profiler final : public exec::StepObserver {
 public:
  // start_ns: when the session began to be made, by ProfilerNowNs.
  Profiler(const std::string& prefix, int64_t start_ns);

  uint64_t start_ns() const { return wall_start_ns_; }  // wall clock

  // A phase of the session's life: "model_loading_uri", "session_initialization",
  // "SequentialExecutor::Execute", "model_run".
  void AddSessionEvent(const char* name, int64_t start_ns, int64_t end_ns);
  void StepDone(const plan::BoundPlan& bound, const plan::BoundStep& step, int64_t start_ns, int64_t end_ns,
                const RunContext& context) override;

  // Writes the file and returns its name; empty on the second call. kFail where the file cannot be written.
  Result<std::string> Finish();

 private:
  struct Event;
  void Add(std::string json);

  const int64_t start_ns_;
  const uint64_t wall_start_ns_;
  std::string file_name_;
  std::mutex mutex_;
  std::vector<std::string> events_;  // one JSON object each
  bool finished_ = false;
};

// The most float32 operations a second that `threads` cores do at the level that kernels are chosen for: bare
// multiply-adds, the best of some bursts (a few milliseconds). What profiles show speeds as shares of.
double MachinePeakFlops(int threads);

// Bytes a second that one core reads from memory beyond the caches; tens of milliseconds.
double MachineReadRate();

// Nanoseconds of the clock that events are measured with.
int64_t ProfilerNowNs();

}  // namespace ortolan::session
