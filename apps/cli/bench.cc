// `ortolan bench`: how long a model takes on random inputs, and which of its steps take it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "command.h"
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

struct StepCost {
  std::string op, kernel;
  double us = 0;
  size_t steps = 0;
};

// The time of each kind of step over some profiled runs, the costliest first.
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
  const auto is_step = [](const nlohmann::json& event) {
    return event.is_object() && event.value("cat", "") == "Node";
  };
  // The first run is cold: its steps are left out.
  auto cold = static_cast<size_t>(std::count_if(events.begin(), events.end(), is_step)) / (runs + 1);
  std::map<std::pair<std::string, std::string>, StepCost> costs;
  for (const auto& event : events) {
    if (!is_step(event)) continue;
    if (cold > 0) {
      --cold;
      continue;
    }
    const auto& args = event["args"];
    const std::string op = args.value("op_name", ""), kernel = args.value("kernel", "");
    StepCost& cost = costs[{op, kernel}];
    cost.op = op;
    cost.kernel = kernel;
    cost.us += event.value("dur", 0.0) / static_cast<double>(runs);
    ++cost.steps;
  }
  std::vector<StepCost> list;
  for (auto& [key, cost] : costs) {
    cost.steps /= runs;
    list.push_back(std::move(cost));
  }
  std::sort(list.begin(), list.end(), [](const StepCost& a, const StepCost& b) { return a.us > b.us; });
  return list;
}

void Bench(const BenchOptions& options) {
  const Measured measured = Measure(options);
  std::vector<StepCost> steps;
  if (options.profile) steps = Profile(options, std::clamp<size_t>(measured.runs_ms.size(), 1, 20));
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
    for (const StepCost& step : steps)
      report["steps"].push_back(
          {{"op", step.op}, {"kernel", step.kernel}, {"us", step.us}, {"count", step.steps}});
    fmt::print("{}\n", report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  fmt::print("load {:.2f} ms, first run {:.2f} ms\n", measured.load_ms, measured.first_ms);
  fmt::print(
      "median {:.3f} ms, 10 % below {:.3f}, 10 % above {:.3f}, fastest {:.3f} ({} runs, {:.1f} a second)\n",
      median, measured.Quantile(0.1), measured.Quantile(0.9), measured.runs_ms.front(),
      measured.runs_ms.size(), 1e3 / median);
  double total = 0;
  for (const StepCost& step : steps) total += step.us;
  if (!steps.empty())
    fmt::print("{:>12} {:>7} {:>6}  {}\n", "microseconds", "share", "steps", "operator, kernel");
  for (const StepCost& step : steps)
    fmt::print("{:12.1f} {:6.1f}% {:6}  {} {}\n", step.us, total > 0 ? step.us / total * 100 : 0.0,
               step.steps, step.op, step.kernel);
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
  command->add_flag("--profile", options->profile, "show what each kind of step takes");
  command->callback([options] { Bench(*options); });
}

}  // namespace ortolan::cli
