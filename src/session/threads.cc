#include "session/threads.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "base/cpu.h"
#include "session/runtime.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ortolan::session {
namespace {

constexpr char kAffinityKey[] = "session.intra_op_thread_affinities";

std::string_view ConfigOf(const Options& options, const std::string& key) {
  const auto found = options.config.find(key);
  return found == options.config.end() ? std::string_view() : std::string_view(found->second);
}

// Calls each(part) for what stands between separators; nothing after the last one.
template <typename Each>
Status ForEachPart(std::string_view text, char separator, Each each) {
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    ORTOLAN_RETURN_IF_ERROR(each(part));
  }
  return OkStatus();
}

Status Refused(const std::string& text) {
  return Error(StatusCode::kRuntimeException, "{}", text);
}

Result<int> ParseProcessor(std::string_view text) {
  int id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (text.empty() || end != text.data() + text.size() || text.front() == '-')
    return Refused(fmt::format("Processor id must consist of only digits: {}", text));
  if (error != std::errc() || id < 1 || id > CPU_SETSIZE)
    return Refused(fmt::format("Processor id must start from 1: {}", text));
  return id;
}

void Pin(const std::vector<int>& processors) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int id : processors) CPU_SET(static_cast<size_t>(id), &set);
  const int error = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
  if (error == 0) return;
  Log({"Default"}, Severity::kError,
      fmt::format("pthread_setaffinity_np failed for processor {}, error code: {}", processors.front() + 1,
                  error));
}

// Each worker takes one group. A loop with a chunk for every thread in which each waits for all the others
// gives every thread one chunk; where the system has granted fewer threads, the wait ends by itself.
void PinWorkers(ThreadPool& pool, const std::vector<std::vector<int>>& affinities) {
  const auto caller = pthread_self();
  std::mutex mutex;
  std::condition_variable all_here;
  int arrived = 0;
  size_t pinned = 0;
  pool.ParallelFor(pool.thread_count(), [&](int64_t) {
    std::unique_lock lock(mutex);
    if (pthread_equal(caller, pthread_self()) == 0 && pinned < affinities.size()) Pin(affinities[pinned++]);
    if (++arrived == pool.thread_count()) all_here.notify_all();
    all_here.wait_for(lock, std::chrono::seconds(1), [&] { return arrived >= pool.thread_count(); });
  });
}

}  // namespace

FlushDenormals::FlushDenormals(bool flush) : flush_(flush) {
#if defined(__x86_64__)
  constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
  if (!flush_) return;
  before_ = _mm_getcsr();
  _mm_setcsr(before_ | kFlushToZero | kDenormalsAreZero);
#elif defined(__aarch64__)
  constexpr uint64_t kFlushToZero = uint64_t{1} << 24;  // of arguments and results
  if (!flush_) return;
  uint64_t control;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  before_ = static_cast<unsigned>(control);
  asm volatile("msr fpcr, %0" : : "r"(control | kFlushToZero));
#endif
}

FlushDenormals::~FlushDenormals() {
#if defined(__x86_64__)
  if (flush_) _mm_setcsr(before_);
#elif defined(__aarch64__)
  if (flush_) asm volatile("msr fpcr, %0" : : "r"(uint64_t{before_}));
#endif
}

bool FlushesDenormals(const Options& options) {
  return ConfigOf(options, "session.set_denormal_as_zero") == "1";
}

Result<std::vector<std::vector<int>>> ParseAffinities(std::string_view text) {
  std::vector<std::vector<int>> affinities;
  ORTOLAN_RETURN_IF_ERROR(ForEachPart(text, ';', [&](std::string_view group) -> Status {
    std::vector<int> processors;
    ORTOLAN_RETURN_IF_ERROR(ForEachPart(group, ',', [&](std::string_view item) -> Status {
      const size_t dash = item.find('-');
      const bool interval = dash != std::string_view::npos && dash + 1 < item.size();
      ORTOLAN_ASSIGN_OR_RETURN(const int from, ParseProcessor(interval ? item.substr(0, dash) : item));
      int to = from;
      if (interval) {
        ORTOLAN_ASSIGN_OR_RETURN(to, ParseProcessor(item.substr(dash + 1)));
      }
      if (from > to) return Refused(fmt::format("Invalid processor interval: {}-{}", from, to));
      for (int id = from; id <= to; ++id) processors.push_back(id - 1);
      return OkStatus();
    }));
    if (!processors.empty()) affinities.push_back(std::move(processors));
    return OkStatus();
  }));
  return affinities;
}

Result<std::shared_ptr<ThreadPool>> MakeThreads(const Options& options) {
  if (!options.per_session_threads) {
    if (std::shared_ptr<ThreadPool> global = GlobalThreads()) return global;
  }
  int threads = options.intra_op_threads;
  if (threads <= 0) {
    if (const char* given = std::getenv("ORT_INTRA_OP_NUM_THREADS"))
      threads = static_cast<int>(std::strtol(given, nullptr, 10));
  }
  // One pool serves both purposes.
  if (options.parallel_steps && threads > 0) threads = std::max(threads, options.inter_op_threads);
  const std::string_view wanted = ConfigOf(options, kAffinityKey);
  const bool flush = FlushesDenormals(options);
  if (threads <= 0 && wanted.empty() && !flush) return SharedThreadPool();
  const FlushDenormals inherited(flush);
  // More threads than processors only take turns, at the price of the hand-over.
  const int processors =
      std::max(GetCpuInfo().physical_cores, static_cast<int>(std::thread::hardware_concurrency()));
  if (wanted.empty()) threads = std::min(threads, processors);
  auto pool = std::make_shared<ThreadPool>(threads);
  if (wanted.empty() || pool->thread_count() == 1) return pool;
  ORTOLAN_ASSIGN_OR_RETURN(const auto affinities, ParseAffinities(wanted));
  if (affinities.size() != static_cast<size_t>(pool->thread_count()) - 1) {
    return Refused(
        fmt::format("Number of affinities does not equal to thread_pool_size minus one, affinities: {}, "
                    "thread_pool_size: {}",
                    affinities.size(), pool->thread_count()));
  }
  PinWorkers(*pool, affinities);
  return pool;
}

}  // namespace ortolan::session
