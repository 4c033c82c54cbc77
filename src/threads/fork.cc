#include "threads/fork.h"

#include <pthread.h>

#include <atomic>

namespace ortolan {
namespace {

std::atomic<uint32_t> forks{0};

}  // namespace

uint32_t ForkCount() {
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
  (void)registered;
  return forks.load(std::memory_order_relaxed);
}

}  // namespace ortolan
