#include "exec/foresight.h"

#include <pthread.h>

#include <shared_mutex>
#include <system_error>
#include <utility>

#include "threads/fork.h"

namespace ortolan::exec {
namespace {

// a + sign * b by dimension; nothing where the ranks differ or a dimension would be negative (of a sum).
bool Combine(std::span<const Dims> a, std::span<const Dims> b, int sign, std::vector<Dims>* result) {
  if (a.size() != b.size()) return false;
  result->assign(a.begin(), a.end());
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].size() != b[i].size()) return false;
    for (size_t axis = 0; axis < a[i].size(); ++axis) {
      (*result)[i][axis] += sign * b[i][axis];
      if (sign > 0 && (*result)[i][axis] < 0) return false;
    }
  }
  return true;
}

// A fork waits until no thread binds: a lock that is held then stays locked in the child.
std::shared_mutex& Gate() {
  static std::shared_mutex* gate = new std::shared_mutex();
  static const int registered =
      pthread_atfork([] { gate->lock(); }, [] { gate->unlock(); }, [] { gate->unlock(); });
  (void)registered;
  return *gate;
}

}  // namespace

Foresight::Foresight(BindFunction bind) : bind_(std::move(bind)), fork_(ForkCount()) {}

Foresight::~Foresight() {
  if (ForkCount() != fork_) {  // the thread is the parent's
    if (thread_.joinable()) thread_.detach();
    return;
  }
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  asked_.fetch_add(1);
  asked_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Foresight::Ran(std::span<const Dims> signature) {
  if (ForkCount() != fork_) return;
  std::lock_guard lock(mutex_);
  std::vector<Dims> step;
  const bool comparable = Combine(signature, last_, -1, &step);
  const bool series = comparable && step == step_;
  last_.assign(signature.begin(), signature.end());
  step_ = comparable ? std::move(step) : std::vector<Dims>();
  if (!series || !Combine(last_, step_, 1, &next_)) return;
  if (!thread_.joinable()) {
    try {
      thread_ = std::thread([this] { Main(); });
    } catch (const std::system_error&) {
      return;  // the system grants no more threads: runs bind for themselves
    }
  }
  asked_.fetch_add(1);
  asked_.notify_one();
}

void Foresight::Settle() {
  const uint32_t asked = asked_.load();
  for (uint32_t served = served_.load(); served != asked; served = served_.load()) served_.wait(served);
}

void Foresight::Main() {
  while (true) {
    const uint32_t served = served_.load();
    asked_.wait(served);
    const uint32_t asked = asked_.load();
    std::vector<Dims> next;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      next = next_;
    }
    {
      std::shared_lock binding(Gate());
      bind_(next);
    }
    served_.store(asked);
    served_.notify_all();
  }
}

}  // namespace ortolan::exec
