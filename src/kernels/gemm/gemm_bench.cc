// Shares of the machine's peak. Bursts of the product alternate with bursts of bare FMA, and for few rows
// with bare reads of B's bytes; the best of each counts, so that a busy machine slows both or neither.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/gemm/gemm.h"
#include "kernels/peak/peak.h"

namespace ortolan::kernels {
namespace {

struct Problem {
  int64_t batch, m, n, k;
  enum Source { kPacked, kRowMajor, kTransposed } source;
};

AlignedBuffer Buffer(int64_t floats) {
  AlignedBuffer buffer = std::move(AlignedBuffer::Allocate(static_cast<size_t>(floats) * 4 + 64)).value();
  auto* data = reinterpret_cast<float*>(buffer.data());
  for (int64_t i = 0; i < floats; ++i) data[i] = static_cast<float>(i % 17) * 0.01f;
  return buffer;
}

// Bytes a second at which B comes in, from wherever it is: the C library looks for a byte that is not there
// with the widest loads of the machine.
double ReadBurst(const void* data, size_t bytes) {
  const double start = ThreadSeconds();
  benchmark::DoNotOptimize(std::memchr(data, 0xff, bytes));  // no number of Buffer has such a byte
  return static_cast<double>(bytes) / (ThreadSeconds() - start);
}

void RunProblem(benchmark::State& state, const GemmVariant& variant, const Problem& problem) {
  const auto [batch, m, n, k, source] = problem;
  const AlignedBuffer a = Buffer(batch * m * k), b = Buffer(batch * k * n), c = Buffer(batch * m * n);
  ThreadPool threads(1);
  GemmShape shape{.batch = batch, .m = m, .n = n, .k = k, .a = {nullptr, k, 1}};
  shape.b = source == Problem::kTransposed ? GemmMatrix{b.data(), 1, k} : GemmMatrix{b.data(), n, 1};
  GemmOperands operands{.a = a.data(), .b = b.data(), .c = reinterpret_cast<float*>(c.data()), .c_stride = n};
  operands.a_batch.stride = m * k;
  operands.b_batch.stride = k * n;
  operands.c_batch_stride = m * n;
  AlignedBuffer packed;
  if (source == Problem::kPacked) {
    const int64_t floats = PackedGemmBFloats(variant, k, n);
    packed = Buffer(floats * batch);
    auto* to = reinterpret_cast<float*>(packed.data());
    for (int64_t i = 0; i < batch; ++i) PackGemmB(variant, shape.b, k, n, 1, to + i * floats, threads);
    shape.b_packed = true;
    operands.b = to;
    operands.b_batch.stride = floats;
  }
  const GemmPlan plan = PlanGemm(variant, shape);
  const AlignedBuffer scratch = Buffer(static_cast<int64_t>(plan.ScratchBytes(1) / 4));
  const double flops = 2.0 * static_cast<double>(batch) * static_cast<double>(m) * static_cast<double>(n) *
                       static_cast<double>(k);
  const double bytes = 4.0 * static_cast<double>(batch) * static_cast<double>(k * n + m * k + m * n);
  double best = 1e9, peak = 0, read = 0;
  for (auto _ : state) {
    peak = std::max(peak, FmaBurst(variant.isa) * 1e-9);
    if (m <= 8) read = std::max(read, ReadBurst(operands.b, static_cast<size_t>(batch * k * n) * 4) * 1e-9);
    const int runs = static_cast<int>(std::max(1.0, 2e7 / flops));
    const double start = ThreadSeconds();
    for (int r = 0; r < runs; ++r)
      RunGemm(variant, plan, operands, {scratch.data(), scratch.size()}, threads);
    const double seconds = (ThreadSeconds() - start) / runs;
    best = std::min(best, seconds);
    state.SetIterationTime(seconds);
  }
  state.counters["us"] = best * 1e6;
  state.counters["GFLOPS"] = flops / best * 1e-9;
  state.counters["peak"] = peak;
  state.counters["share%"] = flops / best * 1e-9 / peak * 100;
  if (m <= 8) {
    state.counters["read"] = read;
    state.counters["read%"] = bytes / best * 1e-9 / read * 100;
  }
  state.counters["GB/s"] = bytes / best * 1e-9;
}

const char* SourceName(Problem::Source source) {
  return source == Problem::kPacked ? "packed" : source == Problem::kRowMajor ? "rows" : "transposed";
}

const bool kRegistered = [] {
  const Problem problems[] = {
      // The core: squares, and the sizes of transformers.
      {1, 256, 256, 256, Problem::kPacked},
      {1, 512, 512, 512, Problem::kPacked},
      {1, 768, 768, 768, Problem::kPacked},
      {1, 1024, 1024, 1024, Problem::kPacked},
      {1, 64, 768, 768, Problem::kPacked},
      {1, 64, 768, 3072, Problem::kPacked},
      {1, 64, 3072, 768, Problem::kPacked},
      {1, 128, 768, 768, Problem::kPacked},
      {1, 128, 768, 3072, Problem::kPacked},
      {1, 128, 3072, 768, Problem::kPacked},
      {1, 512, 768, 768, Problem::kPacked},
      {1, 512, 768, 3072, Problem::kPacked},
      {1, 512, 3072, 768, Problem::kPacked},
      {1, 1500, 1536, 384, Problem::kPacked},
      {1, 1500, 384, 1536, Problem::kPacked},
      {1, 197, 384, 1536, Problem::kPacked},
      {1, 197, 576, 192, Problem::kPacked},
      {1, 197, 192, 768, Problem::kPacked},
      {1, 128, 1536, 384, Problem::kPacked},
      {1, 128, 384, 1536, Problem::kPacked},
      {1, 512, 512, 512, Problem::kRowMajor},
      {1, 512, 512, 512, Problem::kTransposed},
      // Convolutions as products: tall, narrow.
      {1, 3136, 64, 64, Problem::kPacked},
      {1, 3136, 24, 144, Problem::kPacked},
      {1, 12544, 16, 32, Problem::kPacked},
      {1, 4096, 10, 256, Problem::kPacked},
      // Attention: QK and PV of twelve heads.
      {12, 128, 128, 64, Problem::kTransposed},
      {12, 128, 64, 128, Problem::kRowMajor},
      {12, 512, 512, 64, Problem::kTransposed},
      {12, 512, 64, 512, Problem::kRowMajor},
      // Few rows; the first sizes stay in cache, the last in memory.
      {1, 1, 512, 512, Problem::kPacked},
      {1, 1, 2048, 2048, Problem::kPacked},
      {1, 1, 4096, 4096, Problem::kPacked},
      {1, 2, 4096, 4096, Problem::kPacked},
      {1, 4, 4096, 4096, Problem::kPacked},
      {1, 8, 4096, 4096, Problem::kPacked},
      {1, 1, 512, 512, Problem::kRowMajor},
      {1, 1, 2048, 2048, Problem::kRowMajor},
      {1, 1, 4096, 4096, Problem::kRowMajor},
      {1, 4, 4096, 4096, Problem::kRowMajor},
      {1, 1, 512, 512, Problem::kTransposed},
      {1, 1, 2048, 2048, Problem::kTransposed},
      {1, 1, 4096, 4096, Problem::kTransposed},
      {12, 1, 512, 64, Problem::kTransposed},
      {12, 1, 64, 512, Problem::kRowMajor},
      {1, 4096, 1, 512, Problem::kPacked},
  };
  for (const GemmVariant* variant : AllGemmF32()) {
    if (variant->isa > GetCpuInfo().isa || variant->isa == Isa::kScalar) continue;
    for (const Problem& problem : problems) {
      const std::string name = fmt::format("{}/{}x{}x{}x{}/{}", variant->name, problem.batch, problem.m,
                                           problem.n, problem.k, SourceName(problem.source));
      benchmark::RegisterBenchmark(name.c_str(), [variant, problem](benchmark::State& state) {
        RunProblem(state, *variant, problem);
      })->UseManualTime();
    }
  }
  return true;
}();

}  // namespace
}  // namespace ortolan::kernels
