#include "base/seed.h"

#include <mutex>
#include <random>

#include "base/random.h"

namespace ortolan {
namespace {

std::mutex mutex;
// Guarded by mutex.
std::optional<int64_t> process_seed;
std::optional<uint64_t> machine_seed;
uint64_t streams = 0;

}  // namespace

void SetProcessSeed(int64_t seed) {
  std::lock_guard lock(mutex);
  process_seed = seed;
  streams = 0;
}

std::optional<int64_t> ProcessSeed() {
  std::lock_guard lock(mutex);
  return process_seed;
}

uint64_t NextStreamSeed() {
  std::lock_guard lock(mutex);
  if (!process_seed && !machine_seed) {
    std::random_device device;
    machine_seed = static_cast<uint64_t>(device()) << 32 | device();
  }
  const uint64_t seed = process_seed ? static_cast<uint64_t>(*process_seed) : *machine_seed;
  const std::array<uint32_t, 4> bits = Philox(seed, streams++);
  return static_cast<uint64_t>(bits[0]) << 32 | bits[1];
}

}  // namespace ortolan
