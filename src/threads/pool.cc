#include "threads/pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ortolan {
namespace {

// A parked worker takes 16-50 us to wake. Spinning that long after the last loop keeps consecutive loops of
// one run cheap and costs an idle process nothing.
constexpr auto kSpinTime = std::chrono::microseconds(50);

void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

// One loop in progress. It lives on its caller's stack; `users` keeps it there until the last worker has let
// go.
struct Loop {
  FunctionRef<void(int64_t)> body;
  int64_t chunks;
  std::atomic<int64_t> next{0};  // the first chunk that nobody has claimed
  std::atomic<int> users{0};     // workers that may touch this loop
  Loop* older = nullptr;         // next in the pool's list of open loops

  void Work() {
    for (int64_t i = next.fetch_add(1, std::memory_order_relaxed); i < chunks;
         i = next.fetch_add(1, std::memory_order_relaxed)) {
      body(i);
    }
  }
  bool Open() const { return next.load(std::memory_order_relaxed) < chunks; }
};

}  // namespace

struct ThreadPool::State {
  explicit State(int count) : threads(count) {}

  int threads;
  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<uint64_t> posted{0};  // grows with every loop; what spinning workers watch
  Loop* open = nullptr;             // guarded by mutex
  int parked = 0;                   // guarded by mutex
  bool stopping = false;            // guarded by mutex
  std::vector<std::thread> workers;

  // The newest loop with unclaimed chunks, with this thread counted as its user; null where there is none.
  Loop* Take() {
    for (Loop* loop = open; loop != nullptr; loop = loop->older) {
      if (loop->Open()) {
        loop->users.fetch_add(1, std::memory_order_relaxed);
        return loop;
      }
    }
    return nullptr;
  }

  void WorkerMain() {
    uint64_t seen = 0;
    while (true) {
      const auto spin_until = std::chrono::steady_clock::now() + kSpinTime;
      while (posted.load(std::memory_order_acquire) == seen) {
        for (int i = 0; i < 16; ++i) Pause();
        if (std::chrono::steady_clock::now() > spin_until) break;
      }
      Loop* loop = nullptr;
      {
        std::unique_lock lock(mutex);
        seen = posted.load(std::memory_order_relaxed);
        loop = Take();
        while (loop == nullptr && !stopping && posted.load(std::memory_order_relaxed) == seen) {
          ++parked;
          wake.wait(lock);
          --parked;
        }
        if (loop == nullptr) {
          if (stopping) return;
          seen = posted.load(std::memory_order_relaxed);
          loop = Take();
        }
      }
      if (loop != nullptr) {
        loop->Work();
        loop->users.fetch_sub(1, std::memory_order_release);
        seen = 0;  // another loop may have been posted meanwhile: look again before spinning
      }
    }
  }
};

ThreadPool::ThreadPool(int threads) {
  if (threads <= 0) threads = GetCpuInfo().physical_cores;
  state_ = std::make_unique<State>(threads);
  State* state = state_.get();
  for (int i = 1; i < threads; ++i) {
    try {
      state->workers.emplace_back([state] { state->WorkerMain(); });
    } catch (const std::system_error&) {
      break;  // the system grants no more threads: callers do the work alone
    }
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->posted.fetch_add(1, std::memory_order_release);
  }
  state_->wake.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

int ThreadPool::thread_count() const {
  return state_->threads;
}

void ThreadPool::ParallelFor(int64_t chunks, FunctionRef<void(int64_t)> body) {
  if (chunks <= 1 || state_->workers.empty()) {
    for (int64_t i = 0; i < chunks; ++i) body(i);
    return;
  }
  Loop loop{.body = body, .chunks = chunks};
  int sleepers = 0;
  {
    std::lock_guard lock(state_->mutex);
    loop.older = state_->open;
    state_->open = &loop;
    state_->posted.fetch_add(1, std::memory_order_release);
    sleepers = state_->parked;
  }
  for (int64_t i = std::min<int64_t>(sleepers, chunks - 1); i > 0; --i) state_->wake.notify_one();
  loop.Work();
  {
    std::lock_guard lock(state_->mutex);  // after this no worker can find the loop any more
    Loop** link = &state_->open;
    while (*link != &loop) link = &(*link)->older;
    *link = loop.older;
  }
  for (int spins = 0; loop.users.load(std::memory_order_acquire) != 0; ++spins) {
    if (spins < 4096) {
      Pause();
    } else {
      std::this_thread::yield();
    }
  }
}

void ThreadPool::ParallelRanges(int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> body) {
  if (count <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int64_t chunks = (count + grain - 1) / grain;
  ParallelFor(chunks, [&](int64_t i) { body(i * grain, std::min(count, (i + 1) * grain)); });
}

std::shared_ptr<ThreadPool> SharedThreadPool() {
  // Fork leaves the child without the workers: the child makes a pool of its own and never touches the
  // parent's.
  static std::mutex mutex;
  static std::shared_ptr<ThreadPool>* pool = new std::shared_ptr<ThreadPool>();
  static const int registered = pthread_atfork([] { mutex.lock(); }, [] { mutex.unlock(); },
                                               [] {
                                                 pool = new std::shared_ptr<ThreadPool>();
                                                 mutex.unlock();
                                               });
  (void)registered;
  std::lock_guard lock(mutex);
  if (*pool == nullptr) *pool = std::make_shared<ThreadPool>(0);
  return *pool;
}

}  // namespace ortolan
