// Attention of one thread as a share of the machine's peak: the multiply-adds of the two products alone
// count, and of causal ones those under the diagonal, whether the operator says so or a mask does. Bursts of
// bare FMA alternate with the runs and the best of each counts, so that a busy machine slows both or neither.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/aligned_buffer.h"
#include "base/cpu.h"
#include "kernels/attention/attention.h"
#include "kernels/peak/peak.h"

namespace ortolan::kernels {
namespace {

constexpr int64_t kHeads = 6;

// All operands in one piece, as a model's arena has them: it comes from huge pages, and the shares do not
// depend on how small ones happen to fall into the sets of L2.
class Arena {
 public:
  explicit Arena(int64_t floats)
      : buffer_(std::move(AlignedBuffer::Allocate(static_cast<size_t>(floats) * 4 + 3 * kHugePage)).value()) {
    const auto address = reinterpret_cast<uintptr_t>(buffer_.data());
    at_ = buffer_.data() + (kHugePage - address % kHugePage) % kHugePage;
  }

  float* Take(int64_t floats) {
    auto* const data = reinterpret_cast<float*>(at_);
    at_ += (static_cast<size_t>(floats) * 4 + 63) / 64 * 64;
    // Numbers without a period that rows share, about -1 to 1: scores of a few units.
    for (int64_t i = 0; i < floats; ++i) data[i] = static_cast<float>(i * 7919 % 2003) * 0.001f - 1.0f;
    return data;
  }

 private:
  static constexpr size_t kHugePage = size_t{2} << 20;
  AlignedBuffer buffer_;
  std::byte* at_;
};

// Heads side by side in each row, as projections of whole models have them.
enum class Kind { kAll, kCausal, kCausalMask };

void RunShape(benchmark::State& state, int64_t rows, int64_t size, Kind kind) {
  const bool causal = kind != Kind::kAll;
  const Isa isa = GetCpuInfo().isa;
  const int64_t width = kHeads * size;
  ThreadPool threads(1);
  AttentionProblem problem{.batch = 1, .heads = kHeads, .kv_heads = kHeads, .queries = rows, .keys = rows};
  problem.size = problem.value_size = size;
  problem.scale = 1 / std::sqrt(static_cast<double>(size));
  problem.causal = kind == Kind::kCausal;
  const AttentionPlan plan = PlanAttention(problem, SelectGemmF32(isa), SelectNormF32(isa), 1);
  const auto scratch_floats = static_cast<int64_t>(plan.ScratchBytes() / 4);
  Arena arena(4 * rows * width + rows * rows + scratch_floats + 80);
  AttentionOperands operands;
  operands.q = {arena.Take(rows * width), 0, size, width};
  operands.k = {arena.Take(rows * width), 0, size, width};
  operands.v = {arena.Take(rows * width), 0, size, width};
  operands.y = {arena.Take(rows * width), 0, size, width};
  if (kind == Kind::kCausalMask) {
    float* const mask = arena.Take(rows * rows);
    for (int64_t i = 0; i < rows * rows; ++i)
      mask[i] = i % rows > i / rows ? std::numeric_limits<float>::lowest() : 0.0f;
    operands.mask = {AttentionMask::Type::kF32, mask, 0, 0, rows, rows};
  }
  auto* const scratch = reinterpret_cast<std::byte*>(arena.Take(scratch_floats));
  const double pairs = static_cast<double>(rows) * static_cast<double>(causal ? (rows + 1) : 2 * rows) / 2;
  const double flops = 4.0 * static_cast<double>(kHeads * size) * pairs;
  double best = 1e9, peak = 0;
  for (auto _ : state) {
    peak = std::max(peak, FmaBurst(isa) * 1e-9);
    const double start = ThreadSeconds();
    RunAttention(plan, operands, scratch, threads, threads, [] { return false; });
    const double seconds = ThreadSeconds() - start;
    best = std::min(best, seconds);
    state.SetIterationTime(seconds);
  }
  state.counters["us"] = best * 1e6;
  state.counters["GFLOPS"] = flops / best * 1e-9;
  state.counters["peak"] = peak;
  state.counters["share%"] = flops / best * 1e-9 / peak * 100;
}

const bool kRegistered = [] {
  constexpr const char* kNames[] = {"", "/causal", "/causal_mask"};
  for (const Kind kind : {Kind::kAll, Kind::kCausal, Kind::kCausalMask}) {
    for (const int64_t size : {64, 128}) {
      for (const int64_t rows : {64, 128, 197, 256, 512, 1024, 1500}) {
        const std::string name =
            fmt::format("attention/{}x{}{}", rows, size, kNames[static_cast<size_t>(kind)]);
        benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
          RunShape(state, rows, size, kind);
        })->UseManualTime();
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace ortolan::kernels
