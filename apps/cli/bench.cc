// `ortolan bench`: how long a model takes on random inputs, and which of its steps take it.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "measure.h"
#include "session/profiler.h"

namespace ortolan::cli {
namespace {

struct BenchOptions : ModelOptions {
  double seconds = 3;
  bool json = false;
  bool profile = false;
};

void Bench(const BenchOptions& options) {
  const Measured measured = Measure(options, options.seconds);
  std::vector<StepCost> steps;
  if (options.profile) steps = ProfileSteps(options, std::clamp<size_t>(measured.runs_ms.size(), 3, 20));
  const double peak_flops = options.profile ? session::MachinePeakFlops(options.threads) : 0;
  const double median = measured.Quantile(0.5);
  if (options.json) {
    nlohmann::json report = {{"model", options.model},
                             {"threads", options.threads},
                             {"runs", measured.runs_ms.size()},
                             {"load_ms", measured.load_ms},
                             {"first_run_ms", measured.first_ms},
                             {"median_ms", median},
                             {"p10_ms", measured.Quantile(0.1)},
                             {"p90_ms", measured.Quantile(0.9)},
                             {"fastest_ms", measured.runs_ms.front()}};
    if (options.profile) report["peak_gflops"] = peak_flops * 1e-9;
    for (const StepCost& step : steps) {
      report["steps"].push_back(JsonOf(step, peak_flops));
      report["steps"].back().update({{"name", step.name}, {"output", step.shape}});
    }
    for (const StepCost& kind : ByKind(steps)) {
      report["kinds"].push_back(JsonOf(kind, peak_flops));
      report["kinds"].back()["steps"] = kind.steps;
    }
    fmt::print("{}\n", report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  fmt::print("load {:.2f} ms, first run {:.2f} ms\n", measured.load_ms, measured.first_ms);
  fmt::print(
      "median {:.3f} ms, 10 % below {:.3f}, 10 % above {:.3f}, fastest {:.3f} ({} runs, {:.1f} a second)\n",
      median, measured.Quantile(0.1), measured.Quantile(0.9), measured.runs_ms.front(),
      measured.runs_ms.size(), 1e3 / median);
  if (steps.empty()) return;
  double total_us = 0;
  for (const StepCost& step : steps) total_us += step.us;
  fmt::print("\nsteps by kind; peak is this machine's fused multiply-adds: {:.1f} GFLOP/s\n",
             peak_flops * 1e-9);
  PrintSteps(ByKind(steps), total_us, peak_flops, true);
  constexpr size_t kShown = 20;
  std::vector<StepCost> slowest = Sorted(steps);
  slowest.resize(std::min(slowest.size(), kShown));
  fmt::print("\nslowest steps ({} of {})\n", slowest.size(), steps.size());
  PrintSteps(slowest, total_us, peak_flops, false);
}

}  // namespace

void AddBench(CommandLine& line) {
  auto options = std::make_shared<BenchOptions>();
  Subcommand command = line.Add("bench", "Time a model on random inputs");
  AddModelOptions(command, *options);
  command.Option("--seconds", options->seconds, "how long to measure (3)", Limit::kNonNegative)
      .Flag("--json", options->json, "print JSON")
      .Flag("--profile", options->profile,
            "show what each step takes: kernel, speed, share of the machine's peak")
      .OnRun([options] { Bench(*options); });
}

}  // namespace ortolan::cli
