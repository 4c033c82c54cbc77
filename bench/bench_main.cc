// Entry of the kernel benchmarks: `ortolan_bench --benchmark_filter=gemm`.
#include <benchmark/benchmark.h>

BENCHMARK_MAIN();
