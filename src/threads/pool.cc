#include "threads/pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/cpu.h"
#include "threads/alone.h"
#include "threads/fork.h"

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

// Parts of a loop; threads beyond that many share them. Bounds what a loop takes on its caller's stack.
constexpr int kMostParts = 16;
constexpr int64_t kMostChunks = int64_t{1} << 31;  // of one loop: two ends in one word

// Consecutive chunks that one thread begins with. Its owner takes them from one end, who has nothing left to
// do of its own from the other.
class alignas(64) Part {
 public:
  void Reset(int64_t begin, int64_t end) { ends_.store(Pack(begin, end), std::memory_order_relaxed); }
  bool Open() const {
    const uint64_t ends = ends_.load(std::memory_order_relaxed);
    return Begin(ends) < End(ends);
  }
  // A chunk, or -1 where none is left.
  int64_t Claim(bool from_front) {
    uint64_t ends = ends_.load(std::memory_order_relaxed);
    while (Begin(ends) < End(ends)) {
      const int64_t begin = Begin(ends), end = End(ends);
      const uint64_t rest = from_front ? Pack(begin + 1, end) : Pack(begin, end - 1);
      if (ends_.compare_exchange_weak(ends, rest, std::memory_order_relaxed))
        return from_front ? begin : end - 1;
    }
    return -1;
  }

 private:
  static uint64_t Pack(int64_t begin, int64_t end) {
    return static_cast<uint64_t>(begin) << 32 | static_cast<uint64_t>(end);
  }
  static int64_t Begin(uint64_t ends) { return static_cast<int64_t>(ends >> 32); }
  static int64_t End(uint64_t ends) { return static_cast<int64_t>(ends & 0xffffffff); }

  std::atomic<uint64_t> ends_{0};
};

// One loop in progress. It lives on its caller's stack; `users` keeps it there until the last worker has let
// go.
//
// Every thread begins at a place of its own, the same in each loop: what it wrote in the last loop is in its
// cache when the next one reads it. Neighbouring parts are worked off towards each other, so that a thread
// that helps out goes on where its own part ends.
struct Loop {
  Loop(FunctionRef<void(int64_t)> function, int64_t first_chunk, int64_t count, int threads)
      : body(function),
        first(first_chunk),
        part_count(static_cast<int>(std::min<int64_t>({threads, kMostParts, count}))) {
    for (int i = 0; i < part_count; ++i) parts[i].Reset(count * i / part_count, count * (i + 1) / part_count);
  }

  FunctionRef<void(int64_t)> body;
  int64_t first;
  int part_count;
  std::atomic<int> users{0};  // workers that may touch this loop
  Loop* older = nullptr;      // next in the pool's list of open loops
  Part parts[kMostParts];

  void Work(int thread) {
    for (int i = 0; i < part_count; ++i) {
      const int part = (thread + i) % part_count;
      const bool from_front = (part % 2 == 0) == (i == 0);
      for (int64_t chunk = parts[part].Claim(from_front); chunk >= 0; chunk = parts[part].Claim(from_front))
        body(first + chunk);
    }
  }
  bool Open() const {
    return std::any_of(parts, parts + part_count, [](const Part& part) { return part.Open(); });
  }
};

}  // namespace

struct ThreadPool::State {
  explicit State(int count) : threads(count) {}

  // In a forked child the workers are gone, and a lock that one of them held stays locked.
  bool forked() const { return ForkCount() != fork; }

  int threads;
  const uint32_t fork = ForkCount();
  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<uint64_t> posted{0};  // grows with every loop; what spinning workers watch
  Loop* open = nullptr;             // guarded by mutex
  int parked = 0;                   // guarded by mutex
  bool stopping = false;            // guarded by mutex
  std::atomic<int> callers{0};      // threads that are in a loop of their own
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

  void Run(Loop& loop) {
    int sleepers = 0;
    {
      std::lock_guard lock(mutex);
      loop.older = open;
      open = &loop;
      posted.fetch_add(1, std::memory_order_release);
      sleepers = parked;
    }
    for (int i = std::min(sleepers, loop.part_count - 1); i > 0; --i) wake.notify_one();
    loop.Work(0);
    {
      std::lock_guard lock(mutex);  // after this no worker can find the loop any more
      Loop** link = &open;
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

  // Whether another loop than the `seen` ones came while this thread was worth keeping awake.
  bool SpinForMore(uint64_t seen) const {
    const auto until = std::chrono::steady_clock::now() + kSpinTime;
    do {
      for (int i = 0; i < 16; ++i) {
        if (posted.load(std::memory_order_acquire) != seen) return true;
        Pause();
      }
    } while (std::chrono::steady_clock::now() < until);
    return false;
  }

  void WorkerMain(int index) {
    while (true) {
      Loop* loop = nullptr;
      uint64_t seen = 0;
      {
        std::lock_guard lock(mutex);
        seen = posted.load(std::memory_order_relaxed);
        loop = Take();
        if (loop == nullptr && stopping) return;
      }
      if (loop != nullptr) {
        loop->Work(index);
        loop->users.fetch_sub(1, std::memory_order_release);
      } else if (!SpinForMore(seen)) {
        std::unique_lock lock(mutex);
        ++parked;
        wake.wait(lock, [&] { return posted.load(std::memory_order_relaxed) != seen; });
        --parked;
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
      state->workers.emplace_back([state, i] { state->WorkerMain(i); });
    } catch (const std::system_error&) {
      break;  // the system grants no more threads: callers do the work alone
    }
  }
}

ThreadPool::~ThreadPool() {
  if (state_->forked()) {
    (void)state_.release();  // a condition variable with sleepers cannot be taken apart, and they never wake
    return;
  }
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
  if (chunks <= 1 || state_->workers.empty() || WorksAlone() || state_->forked()) {
    for (int64_t i = 0; i < chunks; ++i) body(i);
    return;
  }
  // Where as many callers work as there are threads, each has a core of its own: to share loops would only
  // cost.
  if (state_->callers.fetch_add(1, std::memory_order_relaxed) + 1 >= state_->threads) {
    for (int64_t i = 0; i < chunks; ++i) body(i);
  } else {
    for (int64_t first = 0; first < chunks; first += kMostChunks) {
      Loop loop(body, first, std::min(chunks - first, kMostChunks), state_->threads);
      state_->Run(loop);
    }
  }
  state_->callers.fetch_sub(1, std::memory_order_relaxed);
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
