// The thread pool: fork-join loops with chunks that are claimed, never assigned.
//
// The caller works too and can finish everything alone; it waits only for chunks that another thread has
// already started, so a busy machine costs nothing but the help. Chunk borders are the caller's business and
// must depend on the problem alone, so results do not depend on the number of threads.
#pragma once

#include <cstdint>
#include <memory>

#include "base/function_ref.h"

namespace ortolan {

class ThreadPool {
 public:
  // threads counts the caller: a pool of 1 has no workers. 0 means one per usable core
  // (CpuInfo::physical_cores).
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int thread_count() const;

  // Calls body(i) once for each i in [0, chunks), on any of the threads, and returns when all calls have
  // ended. Safe to call from several threads at once and from inside a body (the nested loop then runs on its
  // caller and whoever is free). body must not throw.
  void ParallelFor(int64_t chunks, FunctionRef<void(int64_t)> body);

  // The same over [0, count) in ranges of nearly equal size, at most `grain` items: body(begin, end). Borders
  // depend on count and grain alone, and are multiples of 64 where the grain is one. A count up to one grain
  // runs on the caller without any fork.
  void ParallelRanges(int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The pool that all sessions share unless they ask for a thread count of their own; made on first use.
std::shared_ptr<ThreadPool> SharedThreadPool();

}  // namespace ortolan
