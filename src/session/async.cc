#include "session/async.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/cpu.h"
#include "threads/alone.h"

namespace ortolan::session {
namespace {

// Runs of one session side by side: each may use the whole pool, so more would only hold memory.
constexpr size_t kMostThreads = 4;

// Where runs alone fill the cores, each does best by itself.
bool Crowded(size_t runs) {
  const auto cores = static_cast<size_t>(GetCpuInfo().physical_cores);
  return cores <= kMostThreads && runs >= cores;
}

// Two at least, so that a run which waits for another thread's feeds or callback stops no other.
size_t MostThreads() {
  return std::clamp(static_cast<size_t>(GetCpuInfo().physical_cores), size_t{2}, kMostThreads);
}

}  // namespace

struct AsyncRunner::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> tasks;
  std::vector<std::thread> threads;
  size_t idle = 0;
  size_t running = 0;
  bool stopping = false;

  static void Main(const std::shared_ptr<State>& state) {
    std::unique_lock lock(state->mutex);
    while (true) {
      ++state->idle;
      state->wake.wait(lock, [&] { return state->stopping || !state->tasks.empty(); });
      --state->idle;
      if (state->tasks.empty()) return;
      {
        const std::function<void()> task = std::exchange(state->tasks.front(), nullptr);
        state->tasks.pop_front();
        const bool alone = Crowded(++state->running + state->tasks.size());
        lock.unlock();
        const WorkAlone scope(alone);
        task();
      }  // what the task holds goes before the lock is taken: it may be the runner's owner
      lock.lock();
      --state->running;
    }
  }
};

AsyncRunner::AsyncRunner() : state_(std::make_shared<State>()) {}

AsyncRunner::~AsyncRunner() {
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    threads = std::move(state_->threads);
  }
  state_->wake.notify_all();
  for (std::thread& thread : threads) {
    if (thread.get_id() == std::this_thread::get_id()) {
      thread.detach();
    } else {
      thread.join();
    }
  }
}

void AsyncRunner::Post(std::function<void()> task) {
  {
    std::lock_guard lock(state_->mutex);
    state_->tasks.push_back(std::move(task));
    if (state_->idle < state_->tasks.size() && state_->threads.size() < MostThreads()) {
      try {
        state_->threads.emplace_back([state = state_] { State::Main(state); });
      } catch (const std::system_error&) {
        // The system grants no more threads: those that are there do the work, or the caller.
      }
    }
    if (!state_->threads.empty()) {
      state_->wake.notify_one();
      return;
    }
    task = std::move(state_->tasks.front());
    state_->tasks.pop_front();
  }
  task();
}

}  // namespace ortolan::session
