#include "session/async.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace ortolan::session {
namespace {

// Runs of one session side by side: each may use the whole pool, so more would only hold memory.
constexpr size_t kMostThreads = 4;

}  // namespace

struct AsyncRunner::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> tasks;
  std::vector<std::thread> threads;
  size_t idle = 0;
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
        lock.unlock();
        task();
      }  // what the task holds goes before the lock is taken: it may be the runner's owner
      lock.lock();
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
    if (state_->idle < state_->tasks.size() && state_->threads.size() < kMostThreads) {
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
