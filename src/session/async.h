// Threads that carry out runs nobody waits for. They call the pool like any caller, so that a pool of one and
// nested loops cannot deadlock.
#pragma once

#include <functional>
#include <memory>

namespace ortolan::session {

class AsyncRunner {
 public:
  AsyncRunner();
  // Finishes what was posted. May be called from one of its own tasks, which then is the last one.
  ~AsyncRunner();
  AsyncRunner(const AsyncRunner&) = delete;
  AsyncRunner& operator=(const AsyncRunner&) = delete;

  // Tasks start in the order in which they were posted; up to four run at once, no
  // more than there are cores but two at least. Where they fill the cores, each works its loops off alone.
  // They must not throw.
  void Post(std::function<void()> task);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ortolan::session
