// `ortolan bench`: how long a model takes on random inputs, and which of its steps take it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "command.h"
#include "session/profiler.h"
#include "session/session.h"

namespace ortolan::cli {
namespace {

struct BenchOptions {
  std::string model;
  std::vector<std::string> dims;
  int threads = 0;
  double seconds = 3;
  bool json = false;
  bool profile = false;
};

using Clock = std::chrono::steady_clock;

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void Check(int code, const std::string& context, const Status& status) {
  if (!status.ok())
    Guard(code, context, [&] { throw Exception(static_cast<ErrorCode>(status.code()), status.message()); });
}

struct Measured {
  double load_ms = 0;
  double first_ms = 0;
  std::vector<double> runs_ms;  // rising

  double Quantile(double part) const {
    return runs_ms[static_cast<size_t>(part * static_cast<double>(runs_ms.size() - 1) + 0.5)];
  }
};

// What is kept between two runs: feeds stay the same, results are written in place.
struct Runner {
  std::unique_ptr<session::Session> session;
  std::vector<Array> arrays;  // keep the feeds' memory
  std::vector<Value> feeds;
  std::vector<Value> results;

  Status Run() { return session->Run(feeds, {}, {}, results); }
};

NodeArg NodeArgOf(const import::DeclaredValue& declared) {
  NodeArg arg{declared.name, TypeText(declared.type), {}, {}};
  for (const import::DeclaredDim& dim : declared.dims) {
    arg.shape.push_back(dim.size);
    arg.symbols.push_back(dim.symbol);
  }
  return arg;
}

Runner MakeRunner(const BenchOptions& options, session::Options settings) {
  Runner runner;
  settings.intra_op_threads = options.threads;
  auto session = session::Session::FromFile(options.model, std::move(settings));
  Check(kBadInput, options.model, session.status());
  runner.session = std::move(*session);
  const auto dimensions = ParseDimensions(options.dims);
  for (const import::DeclaredValue& input : runner.session->inputs()) {
    const Array array =
        Guard(kBadInput, input.name, [&] { return RandomArray(NodeArgOf(input), dimensions); });
    const Dims dims(array.shape().begin(), array.shape().end());
    runner.feeds.emplace_back(Tensor::Wrap(static_cast<DType>(array.type()), dims, array.data(), nullptr));
    runner.arrays.push_back(array);
  }
  runner.feeds.resize(runner.feeds.size() + runner.session->overridable_initializers().size());
  runner.results.resize(runner.session->outputs().size());
  return runner;
}

Measured Measure(const BenchOptions& options) {
  Measured measured;
  const Clock::time_point start = Clock::now();
  Runner runner = MakeRunner(options, {});
  measured.load_ms = MillisecondsSince(start);
  const Clock::time_point first = Clock::now();
  Check(kFailed, options.model, runner.Run());
  measured.first_ms = MillisecondsSince(first);
  Progress progress;
  const Clock::time_point begin = Clock::now();
  double shown_ms = 0;
  do {
    const Clock::time_point run = Clock::now();
    Check(kFailed, options.model, runner.Run());
    measured.runs_ms.push_back(MillisecondsSince(run));
    if (const double elapsed_ms = MillisecondsSince(begin); elapsed_ms > shown_ms + 200) {
      shown_ms = elapsed_ms;
      progress.Show(fmt::format("{:.1f} of {:.1f} s, {} runs", elapsed_ms / 1e3, options.seconds,
                                measured.runs_ms.size()));
    }
  } while (MillisecondsSince(begin) < options.seconds * 1e3);
  std::sort(measured.runs_ms.begin(), measured.runs_ms.end());
  return measured;
}

// One step of the plan, or all steps of one kind. The work is what the operator states; 0 where it states
// none.
struct StepCost {
  std::string op, kernel, name, shape;
  double us = 0, flops = 0, bytes = 0;
  size_t steps = 0;

  double gflops() const { return us > 0 ? flops / us * 1e-3 : 0; }
  double gbytes() const { return us > 0 ? bytes / us * 1e-3 : 0; }

  void Add(const StepCost& other) {
    us += other.us;
    flops += other.flops;
    bytes += other.bytes;
    steps += other.steps;
  }
};

// Costliest first.
std::vector<StepCost> Sorted(std::vector<StepCost> list) {
  std::stable_sort(list.begin(), list.end(),
                   [](const StepCost& a, const StepCost& b) { return a.us > b.us; });
  return list;
}

StepCost CostOfEvent(const nlohmann::json& event, size_t runs) {
  const auto& args = event["args"];
  const double share = 1.0 / static_cast<double>(runs);
  StepCost cost{.op = args.value("op_name", ""), .kernel = args.value("kernel", "")};
  cost.name = event.value("name", "");
  cost.name = cost.name.substr(0, cost.name.rfind("_kernel_time"));
  for (const auto& output : args["output_type_shape"]) {
    if (cost.shape.empty()) cost.shape = output.begin().value().dump();
  }
  cost.us = args.value("duration_ns", 0.0) * 1e-3 * share;
  cost.flops = args.value("flops", 0.0) * share;
  double operands = 0;
  for (const char* size : {"parameter_size", "activation_size", "output_size"})
    operands += std::stod(args.value(size, "0"));
  cost.bytes = args.value("bytes", operands) * share;
  return cost;
}

// What each step of the plan takes over some profiled runs, in the order of the plan.
std::vector<StepCost> Profile(const BenchOptions& options, size_t runs) {
  session::Options settings;
  settings.enable_profiling = true;
  settings.profile_file_prefix = (std::filesystem::temp_directory_path() / "ortolan_bench").string();
  Runner runner = MakeRunner(options, settings);
  for (size_t i = 0; i < runs + 1; ++i) Check(kFailed, options.model, runner.Run());
  const auto path = runner.session->EndProfiling();
  Check(kFailed, "profile", path.status());
  std::ifstream file(*path);
  const auto events = nlohmann::json::parse(file, nullptr, false);
  file.close();
  std::filesystem::remove(*path);
  std::vector<StepCost> steps;
  // Names need not be unique, so a step is its name and how often the run met that name before.
  std::map<std::pair<std::string, size_t>, size_t> places;
  std::map<std::string, size_t> met;
  bool cold = true;  // the first run's steps are left out
  for (const auto& event : events) {
    if (!event.is_object()) continue;
    if (event.value("name", "") == "model_run") {
      cold = false;
      met.clear();
    }
    if (cold || event.value("cat", "") != "Node") continue;
    StepCost cost = CostOfEvent(event, runs);
    const auto [place, fresh] = places.try_emplace({cost.name, met[cost.name]++}, steps.size());
    if (fresh) {
      steps.push_back(std::move(cost));
      steps.back().steps = 1;
    } else {
      steps[place->second].Add(cost);
    }
  }
  return steps;
}

std::vector<StepCost> ByKind(const std::vector<StepCost>& steps) {
  std::map<std::pair<std::string, std::string>, StepCost> kinds;
  for (const StepCost& step : steps) {
    StepCost& kind = kinds[{step.op, step.kernel}];
    kind.op = step.op;
    kind.kernel = step.kernel;
    kind.Add(step);
  }
  std::vector<StepCost> list;
  for (auto& [key, kind] : kinds) list.push_back(std::move(kind));
  return Sorted(std::move(list));
}

nlohmann::json JsonOf(const StepCost& step, double peak_flops) {
  nlohmann::json made = {
      {"op", step.op}, {"kernel", step.kernel}, {"us", step.us}, {"gb_per_s", step.gbytes()}};
  if (step.flops > 0) {
    made["gflops"] = step.gflops();
    made["share_of_peak"] = step.gflops() * 1e9 / peak_flops;
  }
  return made;
}

void PrintSteps(const std::vector<StepCost>& steps, double total_us, double peak_flops, bool kinds) {
  fmt::print("{:>10} {:>6} {:>5} {:>8} {:>6} {:>7}  {}\n", "us", "share", kinds ? "steps" : "", "GFLOP/s",
             "peak", "GB/s", kinds ? "operator, kernel" : "operator, kernel, output, node");
  for (const StepCost& step : steps) {
    std::string speed = fmt::format("{:>8} {:>6}", "", "");
    if (step.flops > 0)
      speed = fmt::format("{:8.1f} {:5.1f}%", step.gflops(), step.gflops() * 1e11 / peak_flops);
    fmt::print("{:10.1f} {:5.1f}% {:>5} {} {:7.1f}  {} {} {} {}\n", step.us,
               total_us > 0 ? step.us / total_us * 100 : 0.0, kinds ? std::to_string(step.steps) : "", speed,
               step.gbytes(), step.op, step.kernel, step.shape, step.name);
  }
}

void Bench(const BenchOptions& options) {
  const Measured measured = Measure(options);
  std::vector<StepCost> steps;
  if (options.profile) steps = Profile(options, std::clamp<size_t>(measured.runs_ms.size(), 1, 20));
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

void AddBench(CLI::App& app) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "Time a model on random inputs");
  command->add_option("model", options->model, "ONNX file")->required();
  command->add_option("--threads", options->threads, "threads of a run (default: one per core)")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--seconds", options->seconds, "how long to measure (3)")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--dim", options->dims, "NAME=SIZE: a symbolic size (default 1)");
  command->add_flag("--json", options->json, "print JSON");
  command->add_flag("--profile", options->profile,
                    "show what each step takes: kernel, speed, share of the machine's peak");
  command->callback([options] { Bench(*options); });
}

}  // namespace ortolan::cli
