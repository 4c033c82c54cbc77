#include "session/runtime.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <mutex>

namespace ortolan::session {
namespace {

std::atomic<int> default_severity{static_cast<int>(Severity::kWarning)};
std::atomic<int> default_verbosity{0};

std::mutex global_mutex;
std::shared_ptr<ThreadPool>& GlobalSlot() {
  static std::shared_ptr<ThreadPool> pool;
  return pool;
}

constexpr char kLetters[] = "VIWEF";

// Warnings yellow, errors red, as onnxruntime's; others plain.
const char* ColourOf(Severity severity) {
  if (severity == Severity::kWarning) return "\033[0;93m";
  return severity >= Severity::kError ? "\033[1;31m" : "";
}

}  // namespace

int DefaultSeverity() {
  return default_severity.load(std::memory_order_relaxed);
}

Status SetDefaultSeverity(int severity) {
  if (severity < 0 || severity > static_cast<int>(Severity::kFatal)) {
    return InvalidArgument("Invalid logging severity. 0:Verbose, 1:Info, 2:Warning, 3:Error, 4:Fatal");
  }
  default_severity.store(severity, std::memory_order_relaxed);
  return OkStatus();
}

int DefaultVerbosity() {
  return default_verbosity.load(std::memory_order_relaxed);
}

void SetDefaultVerbosity(int verbosity) {
  default_verbosity.store(verbosity, std::memory_order_relaxed);
}

void Log(const Logger& logger, Severity severity, std::string_view text, std::string_view file, int line,
         std::string_view function) {
  if (!logger.Writes(severity)) return;
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  const auto fraction =
      std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count() % 1'000'000'000;
  char date[32];
  std::strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &parts);
  const bool coloured = isatty(STDERR_FILENO) != 0 && *ColourOf(severity) != '\0';
  // One write, so that lines of several threads stay whole.
  const std::string whole =
      fmt::format("{}{}.{:09} [{}:onnxruntime:{}, {}:{} {}] {}{}\n", coloured ? ColourOf(severity) : "", date,
                  fraction, kLetters[static_cast<int>(severity)], logger.id, file.substr(file.rfind('/') + 1),
                  line, function, text, coloured ? "\033[m" : "");
  std::fwrite(whole.data(), 1, whole.size(), stderr);
}

Status SetGlobalThreads(int intra_op_threads) {
  std::lock_guard lock(global_mutex);
  if (GlobalSlot() != nullptr)
    return Fail("Global thread pools have already been created, cannot replace them");
  GlobalSlot() = std::make_shared<ThreadPool>(intra_op_threads);
  return OkStatus();
}

std::shared_ptr<ThreadPool> GlobalThreads() {
  std::lock_guard lock(global_mutex);
  return GlobalSlot();
}

}  // namespace ortolan::session
