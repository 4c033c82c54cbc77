// What a loop costs beside its work: from the call to its return, chunks that do nothing.
#include <benchmark/benchmark.h>

#include "threads/pool.h"

namespace ortolan {
namespace {

void EmptyLoop(benchmark::State& state) {
  ThreadPool pool(static_cast<int>(state.range(0)));
  const int64_t chunks = state.range(1);
  for (auto _ : state) {
    pool.ParallelFor(chunks, [](int64_t i) { benchmark::DoNotOptimize(i); });
  }
}
BENCHMARK(EmptyLoop)
    ->ArgNames({"threads", "chunks"})
    ->ArgsProduct({{2, 16, 64}, {2, 64, 4096}})
    ->UseRealTime();

}  // namespace
}  // namespace ortolan
