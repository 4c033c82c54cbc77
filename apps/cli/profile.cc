// `ortolan profile`: which steps of a model take its time, as shares of what this machine can do: a table, a
// page, and a trace for ui.perfetto.dev.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/cpu.h"
#include "measure.h"
#include "report.h"
#include "session/profiler.h"

namespace ortolan::cli {
namespace {

using nlohmann::json;

struct ProfileOptions : ModelOptions {
  double seconds = 1;
  bool json = false;
  bool all = false;
  std::string html, trace;
};

struct Profile {
  Measured measured;
  std::vector<StepCost> steps;
  double peak_flops = 0;
  double peak_bytes = 0;

  double total_us() const {
    double total = 0;
    for (const StepCost& step : steps) total += step.us;
    return total;
  }
};

json JsonOf(const Profile& profile, const ProfileOptions& options) {
  json steps = json::array(), kinds = json::array();
  const auto full = [&](const StepCost& step) {
    json made = JsonOf(step, profile.peak_flops);
    made.update({{"family", FamilyOf(step.op, step.kernel)},
                 {"flops", step.flops},
                 {"bytes", step.bytes},
                 {"share_of_memory", step.gbytes() * 1e9 / profile.peak_bytes}});
    return made;
  };
  double begin_us = 0;
  for (const StepCost& step : profile.steps) {
    begin_us = &step == profile.steps.data() ? step.start_us : std::min(begin_us, step.start_us);
  }
  for (const StepCost& step : profile.steps) {
    steps.push_back(full(step));
    steps.back().update({{"name", step.name},
                         {"output", step.shape},
                         {"sources", step.sources},
                         {"start_us", step.start_us - begin_us},
                         {"last_us", step.last_us},
                         {"live_bytes", step.live_bytes}});
  }
  for (const StepCost& kind : ByKind(profile.steps)) {
    kinds.push_back(full(kind));
    kinds.back()["steps"] = kind.steps;
  }
  return {{"kind", "profile"},
          {"model", std::filesystem::path(options.model).filename().string()},
          {"threads", options.threads > 0 ? options.threads : GetCpuInfo().physical_cores},
          {"isa", IsaName(GetCpuInfo().isa)},
          {"runs", profile.measured.runs_ms.size()},
          {"load_ms", profile.measured.load_ms},
          {"first_run_ms", profile.measured.first_ms},
          {"median_ms", profile.measured.Quantile(0.5)},
          {"p10_ms", profile.measured.Quantile(0.1)},
          {"p90_ms", profile.measured.Quantile(0.9)},
          {"peak_gflops", profile.peak_flops * 1e-9},
          {"peak_gb_per_s", profile.peak_bytes * 1e-9},
          {"steps", std::move(steps)},
          {"kinds", std::move(kinds)}};
}

// The last run in Chrome's trace format: a slice for each step, counters for speed and memory.
json TraceOf(const json& report) {
  json events = json::array();
  const auto named = [&](const char* what, int thread, const std::string& name) {
    events.push_back({{"ph", "M"}, {"pid", 1}, {"tid", thread}, {"name", what}, {"args", {{"name", name}}}});
  };
  named("process_name", 0, report["model"]);
  named("thread_name", 1, "run");
  named("thread_name", 2, "steps");
  double end_us = 0;
  const auto counter = [&](const char* name, double at_us, double value) {
    events.push_back({{"ph", "C"}, {"pid", 1}, {"name", name}, {"ts", at_us}, {"args", {{"value", value}}}});
  };
  for (const json& step : report["steps"]) {
    const double start_us = step["start_us"], last_us = step["last_us"];
    end_us = std::max(end_us, start_us + last_us);
    events.push_back({{"ph", "X"},
                      {"pid", 1},
                      {"tid", 2},
                      {"name", step["op"]},
                      {"cat", step["family"]},
                      {"ts", start_us},
                      {"dur", last_us},
                      {"args",
                       {{"node", step["name"]},
                        {"kernel", step["kernel"]},
                        {"output", step["output"]},
                        {"flops", step["flops"]},
                        {"bytes", step["bytes"]},
                        {"sources", step["sources"]}}}});
    counter("GFLOP/s", start_us, last_us > 0 ? step["flops"].get<double>() / last_us * 1e-3 : 0);
    counter("live MiB", start_us, step["live_bytes"].get<double>() / (1 << 20));
  }
  counter("GFLOP/s", end_us, 0);
  counter("live MiB", end_us, 0);
  events.push_back(
      {{"ph", "X"}, {"pid", 1}, {"tid", 1}, {"name", "run"}, {"cat", "run"}, {"ts", 0}, {"dur", end_us}});
  return {{"displayTimeUnit", "ns"}, {"traceEvents", std::move(events)}};
}

void PrintFamilies(const Profile& profile) {
  std::map<std::string, double> families;
  for (const StepCost& step : profile.steps) families[FamilyOf(step.op, step.kernel)] += step.us;
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [family, us] : families) order.emplace_back(us, family);
  std::sort(order.rbegin(), order.rend());
  const double total = std::max(profile.total_us(), 1e-9);
  for (const auto& [us, family] : order) {
    const auto bar = static_cast<size_t>(us / total * 50 + 0.5);
    std::string blocks;
    for (size_t i = 0; i < bar; ++i) blocks += "█";
    fmt::print("  {:20} {:5.1f}% {}\n", family, us / total * 100, blocks);
  }
}

void Run(const ProfileOptions& options) {
  Profile profile;
  profile.measured = Measure(options, options.seconds);
  profile.steps = ProfileSteps(options, std::clamp<size_t>(profile.measured.runs_ms.size(), 3, 20));
  profile.peak_flops = session::MachinePeakFlops(options.threads);
  profile.peak_bytes = session::MachineReadRate();
  const json report = JsonOf(profile, options);
  if (!options.html.empty()) WriteText(options.html, Page(report));
  if (!options.trace.empty())
    WriteText(options.trace, TraceOf(report).dump(-1, ' ', false, json::error_handler_t::replace));
  if (options.json) {
    fmt::print("{}\n", JsonText(report));
    return;
  }
  double flops = 0;
  for (const StepCost& step : profile.steps) flops += step.flops;
  const double median_ms = profile.measured.Quantile(0.5);
  fmt::print(
      "median {:.3f} ms of {} runs; {}FLOP in a run: {:.1f} GFLOP/s, {:.0f} % of this machine's peak\n",
      median_ms, profile.measured.runs_ms.size(), Short(flops), flops / median_ms * 1e-6,
      flops / median_ms * 1e5 / profile.peak_flops);
  fmt::print("peak: {:.0f} GFLOP/s of fused multiply-adds (float32), {:.0f} GB/s read from memory\n\n",
             profile.peak_flops * 1e-9, profile.peak_bytes * 1e-9);
  PrintFamilies(profile);
  fmt::print("\n");
  PrintSteps(ByKind(profile.steps), profile.total_us(), profile.peak_flops, true);
  constexpr size_t kShown = 25;
  std::vector<StepCost> shown = options.all ? profile.steps : Sorted(profile.steps);
  if (!options.all) shown.resize(std::min(shown.size(), kShown));
  fmt::print("\n{} ({} of {})\n", options.all ? "steps in order" : "slowest steps", shown.size(),
             profile.steps.size());
  PrintSteps(shown, profile.total_us(), profile.peak_flops, false);
}

}  // namespace

void AddProfile(CommandLine& line) {
  auto options = std::make_shared<ProfileOptions>();
  Subcommand command = line.Add("profile", "Show which steps take a model's time, on random inputs");
  AddModelOptions(command, *options);
  command.Option("--seconds", options->seconds, "how long to measure (1)", Limit::kNonNegative)
      .Flag("--all", options->all, "show every step, in order")
      .Flag("--json", options->json, "print JSON")
      .Option("--html", options->html, "write a page to this file")
      .Option("--trace", options->trace, "write a trace for ui.perfetto.dev to this file")
      .OnRun([options] { Run(*options); });
}

}  // namespace ortolan::cli
