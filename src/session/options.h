// What a session and a run can be told. Defaults are onnxruntime's.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "value/value.h"

namespace ortolan::session {

// Values equal onnxruntime's GraphOptimizationLevel.
enum class OptimizationLevel : int { kDisableAll = 0, kBasic = 1, kExtended = 2, kLayout = 3, kAll = 99 };

struct ExternalFile {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

struct Options {
  int intra_op_threads = 0;  // 0: the pool that all sessions share, one thread per usable core
  int inter_op_threads = 0;
  bool parallel_steps = false;  // ORT_PARALLEL: steps that do not wait for each other run side by side
  OptimizationLevel optimization_level = OptimizationLevel::kAll;
  std::vector<std::string> disabled_passes;  // by the names that `inspect --stage passes` shows
  bool deterministic_compute = false;
  bool enable_profiling = false;
  std::string profile_file_prefix = "onnxruntime_profile_";
  std::vector<std::pair<std::string, int64_t>> free_dimensions_by_name;
  std::vector<std::pair<std::string, int64_t>> free_dimensions_by_denotation;
  std::map<std::string, std::string> config;                // config keys as onnxruntime names them
  std::vector<std::pair<std::string, Value>> initializers;  // replace the model's, by name
  // The same for initializers that the model stores in external files: every name must be one, of the same
  // type and shape.
  std::vector<std::pair<std::string, Value>> external_initializers;
  // External files that are in memory already, by their location in the model.
  std::map<std::string, ExternalFile> external_files;
  bool keep_memory = true;          // false: a run's memory is given back when it ends
  size_t most_arena_bytes = 0;      // runs that plan for more fail; 0: no bound
  bool per_session_threads = true;  // false: the pool of SetGlobalThreads
  int log_severity = -1;            // -1: the default logger's
  int log_verbosity = 0;
  std::string log_id;
  std::string optimized_model_path;                // where the optimized model is written; empty: nowhere
  std::shared_ptr<std::atomic<bool>> cancel_load;  // set from any thread: making the session ends with kFail
};

struct RunOptions {
  std::shared_ptr<std::atomic<bool>> terminate;  // set from any thread; null: cannot be stopped
  std::map<std::string, std::string> config;
  bool only_needed = false;  // leave out what no wanted output needs
  bool training_mode = false;
  int log_severity = -1;  // -1: the session's
  int log_verbosity = 0;
  std::string log_id;
};

}  // namespace ortolan::session
