// What all sessions of a process share: the default logger, the pool of SetGlobalThreads, the seed of random
// operators. Everything here may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/status.h"
#include "threads/pool.h"

namespace ortolan::session {

// onnxruntime's numbers.
enum class Severity : int { kVerbose = 0, kInfo = 1, kWarning = 2, kError = 3, kFatal = 4 };

int DefaultSeverity();
Status SetDefaultSeverity(int severity);  // kInvalidArgument for numbers that are no severity
int DefaultVerbosity();
void SetDefaultVerbosity(int verbosity);

// Whose lines they are, and the least severity that is written.
struct Logger {
  std::string_view id;
  int least = -1;  // -1: the default logger's

  bool Writes(Severity severity) const {
    return static_cast<int>(severity) >= (least < 0 ? DefaultSeverity() : least);
  }
};
// One line on stderr in onnxruntime's form, with the place that logs, in colour on a terminal:
// 2026-11-21 04:16:04.870832767 [W:onnxruntime:id, session.cc:166 Build] text
void Log(const Logger& logger, Severity severity, std::string_view text,
         std::string_view file = __builtin_FILE(), int line = __builtin_LINE(),
         std::string_view function = __builtin_FUNCTION());

// Makes the pool that sessions share which have no threads of their own; kFail the second time.
Status SetGlobalThreads(int intra_op_threads);
std::shared_ptr<ThreadPool> GlobalThreads();  // null before SetGlobalThreads

}  // namespace ortolan::session
