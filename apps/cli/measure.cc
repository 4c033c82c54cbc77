#include "measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "session/profiler.h"

namespace ortolan::cli {
namespace {

using Clock = std::chrono::steady_clock;

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

const std::map<std::string, session::OptimizationLevel> kLevels = {
    {"disable", session::OptimizationLevel::kDisableAll},
    {"basic", session::OptimizationLevel::kBasic},
    {"extended", session::OptimizationLevel::kExtended},
    {"layout", session::OptimizationLevel::kLayout},
    {"all", session::OptimizationLevel::kAll},
};

}  // namespace

void AddModelOptions(Subcommand& command, ModelOptions& options) {
  std::vector<std::string> levels;
  for (const auto& [name, level] : kLevels) levels.push_back(name);
  command.Positional("model", options.model, "ONNX file")
      .Option("--threads", options.threads, "threads of a run (default: one per core)", Limit::kNonNegative)
      .Option("--dim", options.dims, "NAME=SIZE: a symbolic size (default 1)")
      .List("--disable", options.disabled, "passes that shall not run (see ortolan passes)")
      .Choice("--level", options.level, levels, "disable, basic, extended, layout or all (default)");
}

session::Options SettingsOf(const ModelOptions& options) {
  session::Options settings;
  settings.intra_op_threads = options.threads;
  settings.disabled_passes = options.disabled;
  settings.optimization_level = kLevels.at(options.level);
  return settings;
}

void Check(int code, const std::string& context, const Status& status) {
  if (!status.ok())
    Guard(code, context, [&] { throw Exception(static_cast<ErrorCode>(status.code()), status.message()); });
}

NodeArg NodeArgOf(const import::DeclaredValue& declared) {
  NodeArg arg{declared.name, TypeText(declared.type), {}, {}};
  for (const import::DeclaredDim& dim : declared.dims) {
    arg.shape.push_back(dim.size);
    arg.symbols.push_back(dim.symbol);
  }
  return arg;
}

Runner MakeRunner(const ModelOptions& options, session::Options settings) {
  Runner runner;
  const Clock::time_point start = Clock::now();
  auto session = session::Session::FromFile(options.model, std::move(settings));
  Check(kBadInput, options.model, session.status());
  runner.session = std::move(*session);
  runner.load_ms = MillisecondsSince(start);
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

Measured Measure(const ModelOptions& options, double seconds) {
  Measured measured;
  Runner runner = MakeRunner(options, SettingsOf(options));
  measured.load_ms = runner.load_ms;
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
      progress.Show(
          fmt::format("{:.1f} of {:.1f} s, {} runs", elapsed_ms / 1e3, seconds, measured.runs_ms.size()));
    }
  } while (MillisecondsSince(begin) < seconds * 1e3);
  std::sort(measured.runs_ms.begin(), measured.runs_ms.end());
  return measured;
}

std::vector<StepCost> Sorted(std::vector<StepCost> list) {
  std::stable_sort(list.begin(), list.end(),
                   [](const StepCost& a, const StepCost& b) { return a.us > b.us; });
  return list;
}

namespace {

StepCost CostOfEvent(const nlohmann::json& event) {
  const auto& args = event["args"];
  StepCost cost{.op = args.value("op_name", ""), .kernel = args.value("kernel", "")};
  cost.name = event.value("name", "");
  cost.name = cost.name.substr(0, cost.name.rfind("_kernel_time"));
  for (const auto& output : args["output_type_shape"]) {
    if (cost.shape.empty()) cost.shape = output.begin().value().dump();
  }
  cost.us = args.value("duration_ns", 0.0) * 1e-3;
  cost.flops = args.value("flops", 0.0);
  double operands = 0;
  for (const char* size : {"parameter_size", "activation_size", "output_size"})
    operands += std::stod(args.value(size, "0"));
  cost.bytes = args.value("bytes", operands);
  cost.start_us = args.value("start_ns", 0.0) * 1e-3;
  cost.last_us = cost.us;
  cost.live_bytes = std::stod(args.value("mem_bytes_in_use", "0"));
  cost.sources = args.value("sources", std::vector<std::string>());
  return cost;
}

}  // namespace

std::vector<StepCost> ProfileSteps(const ModelOptions& options, size_t runs) {
  session::Options settings = SettingsOf(options);
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
  // Names need not be unique, so a step is its name and how often the run met that name before.
  std::map<std::pair<std::string, size_t>, size_t> places;
  std::map<std::string, size_t> met;
  std::vector<std::vector<StepCost>> steps;  // what each was in each run that had it
  bool cold = true;                          // the first run's steps are left out
  for (const auto& event : events) {
    if (!event.is_object()) continue;
    if (event.value("name", "") == "model_run") {
      cold = false;
      met.clear();
    }
    if (cold || event.value("cat", "") != "Node") continue;
    StepCost cost = CostOfEvent(event);
    const auto place = places.try_emplace({cost.name, met[cost.name]++}, steps.size()).first->second;
    if (place == steps.size()) steps.emplace_back();
    steps[place].push_back(std::move(cost));
  }
  // The median: on a busy machine one slice of another process is longer than all steps together. Steps that
  // only some runs have (branches, turns of loops) count for as many.
  std::vector<StepCost> made;
  for (std::vector<StepCost>& each : steps) {
    const StepCost last = each.back();
    const auto middle = each.begin() + static_cast<std::ptrdiff_t>(each.size() / 2);
    std::nth_element(each.begin(), middle, each.end(),
                     [](const StepCost& a, const StepCost& b) { return a.us < b.us; });
    const double share = static_cast<double>(each.size()) / static_cast<double>(runs);
    StepCost& step = made.emplace_back(*middle);
    step.us *= share, step.flops *= share, step.bytes *= share;
    step.start_us = last.start_us;
    step.last_us = last.last_us;
    step.steps = 1;
  }
  return made;
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

std::string FamilyOf(const std::string& op, const std::string& kernel) {
  const std::string name =
      op.substr(0, op.find(" ["));  // what was fused into a step does not change its family
  const auto holds = [&](std::initializer_list<const char*> words) {
    return std::any_of(words.begin(), words.end(),
                       [&](const char* word) { return name.find(word) != std::string::npos; });
  };
  if (holds({"Attention"})) return "Attention";
  if (holds({"Reorder", "Cast", "Quantize", "Copy"}) && !holds({"QLinear"})) return "Conversion";
  if (holds({"Conv"})) return "Convolution";
  if (holds({"MatMul", "Gemm"})) return "Matrix product";
  if (holds({"LSTM", "GRU", "RNN"})) return "Recurrence";
  if (holds({"Normalization", "LayerNorm", "LRN"})) return "Normalization";
  if (holds({"Softmax"})) return "Softmax";
  if (holds({"Pool", "Reduce", "GlobalAverage", "ArgM", "TopK"})) return "Pooling, reduction";
  if (holds({"Concat", "Split", "Slice", "Transpose", "Gather", "Pad", "Expand", "Reshape", "Resize", "Tile",
             "Scatter", "DepthToSpace", "SpaceToDepth", "Where", "Squeeze", "Flatten", "Roll"})) {
    return "Movement";
  }
  if (kernel.find("elementwise") != std::string::npos || kernel.find("tile") != std::string::npos ||
      kernel.find("program") != std::string::npos ||
      holds({"Elementwise", "Add", "Mul", "Sub", "Div", "Relu", "Sigmoid", "Tanh", "Erf", "Gelu", "Clip",
             "Exp", "Sqrt", "Pow", "ByteTable", "ByteBinary", "Silu", "HardSwish"})) {
    return "Elementwise";
  }
  return "Other";
}

}  // namespace ortolan::cli
