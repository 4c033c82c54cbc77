#include "threads/pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
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
#elif defined(__aarch64__)
  asm volatile("isb");  // YIELD does nothing on most cores
#endif
}

// Loops in progress at a time; callers beyond that many work alone.
constexpr int kMostPlaces = 16;
constexpr int kMostThreads = 1 << 14;              // of a pool: a count in half a word
constexpr int64_t kMostChunks = int64_t{1} << 31;  // of one loop: two ends in one word
constexpr int64_t kBorderItems = 64;               // where ranges begin if their grain is made of as many

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

// A place for one loop in progress. Places live as long as the pool, so that a worker may look into any of
// them without a lock: one that comes too late finds it closed.
//
// Every thread begins with a part of its own, the same in each loop: what it wrote in the last loop is in its
// cache when the next one reads it. Neighbouring parts are worked off towards each other, so that a thread
// that helps out goes on where its own part ends.
class alignas(64) Place {
 public:
  void Prepare(int threads) { parts_ = std::make_unique<Part[]>(static_cast<size_t>(threads)); }

  // For the caller of a loop. Whether the place is now its own.
  bool Claim() {
    uint32_t free = 0;
    return state_.compare_exchange_strong(free, kClaimed, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }
  void Open(const FunctionRef<void(int64_t)>& body, int64_t first, int64_t count, int threads) {
    body_ = &body;
    first_ = first;
    part_count_ = static_cast<int>(std::min<int64_t>(threads, count));
    for (int i = 0; i < part_count_; ++i)
      parts_[i].Reset(count * i / part_count_, count * (i + 1) / part_count_);
    sleepers_wanted_.store(0, std::memory_order_relaxed);
    const auto helpers = static_cast<uint32_t>(part_count_ - 1);
    state_.fetch_or(kOpen | helpers << kHelperShift, std::memory_order_release);
  }
  // Returns when no worker is in the loop any more.
  void Close() {
    state_.fetch_and(kClaimed | kUsers, std::memory_order_relaxed);
    for (int spins = 0; (state_.load(std::memory_order_acquire) & kUsers) != 0; ++spins) {
      if (spins < 4096) {
        Pause();
      } else {
        std::this_thread::yield();
      }
    }
    state_.fetch_and(~kClaimed, std::memory_order_release);
  }

  // For workers. Whether there are chunks to take; who entered has to leave. A loop of few chunks is left
  // alone by those that it has no part for.
  bool Enter() {
    const uint32_t state = state_.load(std::memory_order_relaxed);
    if ((state & kOpen) == 0 || (state & kUsers) >= ((state & kHelpers) >> kHelperShift)) return false;
    if ((state_.fetch_add(1, std::memory_order_acquire) & kOpen) != 0 &&
        std::any_of(&parts_[0], &parts_[part_count_], [](const Part& part) { return part.Open(); })) {
      return true;
    }
    Leave();
    return false;
  }
  void Leave() { state_.fetch_sub(1, std::memory_order_release); }

  void Work(int thread) {
    for (int i = 0; i < part_count_; ++i) {
      const int part = (thread + i) % part_count_;
      const bool from_front = (part % 2 == 0) == (i == 0);
      for (int64_t chunk = parts_[part].Claim(from_front); chunk >= 0; chunk = parts_[part].Claim(from_front))
        (*body_)(first_ + chunk);
    }
  }

  int part_count() const { return part_count_; }
  // How many sleepers are still to be woken for this loop.
  std::atomic<int>& sleepers_wanted() { return sleepers_wanted_; }

 private:
  static constexpr int kHelperShift = 15;
  static constexpr uint32_t kUsers = (uint32_t{1} << kHelperShift) - 1, kHelpers = kUsers << kHelperShift,
                            kOpen = uint32_t{1} << 30, kClaimed = uint32_t{1} << 31;

  // kClaimed, kOpen, how many workers the loop has parts for, and how many may touch what follows.
  std::atomic<uint32_t> state_{0};
  const FunctionRef<void(int64_t)>* body_ = nullptr;
  int64_t first_ = 0;
  int part_count_ = 0;
  std::atomic<int> sleepers_wanted_{0};
  std::unique_ptr<Part[]> parts_;
};

}  // namespace

struct ThreadPool::State {
  explicit State(int count) : threads(count), places(static_cast<size_t>(std::min(count, kMostPlaces))) {
    for (Place& place : places) place.Prepare(count);
  }

  // In a forked child the workers are gone, and a lock that one of them held stays locked.
  bool forked() const { return ForkCount() != fork; }

  int threads;
  const uint32_t fork = ForkCount();
  std::vector<Place> places;
  std::atomic<uint64_t> posted{0};    // grows with every loop; what spinning workers watch
  std::atomic<int> callers{0};        // threads that are in a loop of their own
  std::atomic<bool> stopping{false};  // set before `posted` grows for the last time
  std::atomic<int> parked{0};         // changed under the mutex
  std::mutex mutex;                   // for parking only
  std::condition_variable wake;
  std::vector<std::thread> workers;

  void Run(const FunctionRef<void(int64_t)>& body, int64_t first, int64_t count) {
    Place* place = nullptr;
    for (Place& one : places) {
      if (one.Claim()) {
        place = &one;
        break;
      }
    }
    if (place == nullptr) {
      for (int64_t i = 0; i < count; ++i) body(first + i);
      return;
    }
    place->Open(body, first, count, threads);
    // Either a worker sees that `posted` has grown before it sleeps, or this thread sees it among the parked.
    posted.fetch_add(1, std::memory_order_seq_cst);
    if (const int sleepers = parked.load(std::memory_order_seq_cst); sleepers > 0) {
      { std::lock_guard lock(mutex); }  // who counted itself as parked is asleep by now
      place->sleepers_wanted().store(std::min(sleepers, place->part_count() - 1), std::memory_order_relaxed);
      WakeSome(*place);
    }
    place->Work(0);
    place->Close();
  }

  // Wakes two of the sleepers that the loop wants. To wake one takes some microseconds: those that wake do
  // the same, so that 63 of them are awake after six rounds and not after 63.
  void WakeSome(Place& place) {
    for (int i = 0; i < 2; ++i) {
      if (place.sleepers_wanted().load(std::memory_order_relaxed) <= 0) return;
      if (place.sleepers_wanted().fetch_sub(1, std::memory_order_relaxed) <= 0) return;
      wake.notify_one();
    }
  }

  // Works in one of the open loops; false where there is none.
  bool Help(int index) {
    const size_t count = places.size();
    for (size_t i = 0; i < count; ++i) {
      Place& place = places[(static_cast<size_t>(index) - 1 + i) % count];
      if (!place.Enter()) continue;
      WakeSome(place);
      place.Work(index);
      place.Leave();
      return true;
    }
    return false;
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

  void Park(uint64_t seen) {
    std::unique_lock lock(mutex);
    parked.fetch_add(1, std::memory_order_seq_cst);
    wake.wait(lock, [&] { return posted.load(std::memory_order_seq_cst) != seen; });
    parked.fetch_sub(1, std::memory_order_relaxed);
  }

  void WorkerMain(int index) {
    while (true) {
      const uint64_t seen = posted.load(std::memory_order_acquire);
      if (Help(index)) continue;
      if (stopping.load(std::memory_order_acquire)) return;
      if (!SpinForMore(seen)) Park(seen);
    }
  }
};

ThreadPool::ThreadPool(int threads) {
  if (threads <= 0) threads = GetCpuInfo().physical_cores;
  threads = std::min(threads, kMostThreads);
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
    state_->stopping.store(true, std::memory_order_release);
    state_->posted.fetch_add(1, std::memory_order_seq_cst);
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
      state_->Run(body, first, std::min(chunks - first, kMostChunks));
    }
  }
  state_->callers.fetch_sub(1, std::memory_order_relaxed);
}

void ThreadPool::ParallelRanges(int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> body) {
  if (count <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  if (count <= grain) return body(0, count);
  // Ranges of nearly equal size, two of them or a multiple of four: the common numbers of threads end
  // together.
  const int64_t unit = grain % kBorderItems == 0 ? kBorderItems : 1;
  const int64_t units = (count - 1) / unit + 1;
  const int64_t least = (count - 1) / grain + 1;
  const int64_t ranges = std::min(units, least == 2 ? 2 : (least + 3) / 4 * 4);
  const int64_t each = units / ranges, longer = units % ranges;
  ParallelFor(ranges, [&](int64_t i) {
    const int64_t begin = i * each + std::min(i, longer), end = begin + each + (i < longer ? 1 : 0);
    body(begin * unit, std::min(count, end * unit));
  });
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
