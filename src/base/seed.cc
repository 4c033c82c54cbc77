#include "base/seed.h"

#include <mutex>

namespace ortolan {
namespace {

std::mutex mutex;
std::optional<int64_t> process_seed;  // guarded by mutex

}  // namespace

void SetProcessSeed(int64_t seed) {
  std::lock_guard lock(mutex);
  process_seed = seed;
}

std::optional<int64_t> ProcessSeed() {
  std::lock_guard lock(mutex);
  return process_seed;
}

}  // namespace ortolan
