#include "session/profiler.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "kernels/peak/peak.h"

namespace ortolan::session {
namespace {

using nlohmann::json;

// PREFIX_2026-11-21_04-13-27_571.json, local time.
std::string FileName(const std::string& prefix) {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%d_%H-%M-%S", &parts);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  return fmt::format("{}_{}_{:03}.json", prefix, text, milliseconds);
}

json EventOf(const char* category, std::string name, int64_t start_ns, int64_t end_ns, json args) {
  return {{"cat", category},
          {"pid", getpid()},
          {"tid", static_cast<int64_t>(syscall(SYS_gettid))},
          {"dur", (end_ns - start_ns) / 1000},
          {"ts", start_ns / 1000},
          {"ph", "X"},
          {"name", std::move(name)},
          {"args", std::move(args)}};
}

json TypeAndShape(const TensorRef& tensor) {
  return {
      {std::string(DTypeName(tensor.dtype)), std::vector<int64_t>(tensor.dims.begin(), tensor.dims.end())}};
}

// The work of a step as its operator states it, or nothing.
std::optional<Cost> CostOf(const graph::Node& node, const RunContext& context) {
  if (node.op == nullptr || node.op->cost == nullptr) return std::nullopt;
  std::vector<Dims> inputs(context.input_count());
  std::vector<Dims> outputs(context.output_count());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (context.HasInput(i)) inputs[i] = context.input(i).dims;
  }
  for (size_t o = 0; o < outputs.size(); ++o) {
    if (context.HasOutput(o)) outputs[o] = context.output(o).dims;
  }
  return node.op->cost(node, {inputs, outputs, 1});
}

// Who ran the step. Helpers claim chunks by themselves, so there is no schedule to tell about.
json ThreadFacts() {
  return {{"main_thread",
           {{"thread_pool_name", "intra-op"},
            {"thread_id", std::to_string(syscall(SYS_gettid))},
            {"block_size", json::array()},
            {"core", sched_getcpu()}}},
          {"sub_threads", json::object()}};
}

}  // namespace

int64_t ProfilerNowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double MachinePeakFlops(int threads) {
  constexpr int kBursts = 20;
  const CpuInfo& cpu = GetCpuInfo();
  double best = 0;
  for (int i = 0; i < kBursts; ++i) best = std::max(best, kernels::FmaBurst(cpu.isa));
  return best * (threads > 0 ? threads : cpu.physical_cores);
}

double MachineReadRate() {
  constexpr size_t kWords = size_t{12} << 20;  // 96 MiB: three times the third-level cache of large machines
  constexpr int kTurns = 3;
  const std::vector<uint64_t> words(kWords, 1);
  volatile uint64_t sink = 0;
  int64_t best_ns = std::numeric_limits<int64_t>::max();
  for (int i = 0; i < kTurns; ++i) {
    const int64_t start = ProfilerNowNs();
    uint64_t sums[8] = {};
    for (size_t w = 0; w < kWords; w += 8) {
      for (size_t k = 0; k < 8; ++k) sums[k] += words[w + k];
    }
    for (const uint64_t sum : sums) sink = sink + sum;
    best_ns = std::min(best_ns, ProfilerNowNs() - start);
  }
  return static_cast<double>(kWords * sizeof(uint64_t)) / static_cast<double>(best_ns) * 1e9;
}

Profiler::Profiler(const std::string& prefix, int64_t start_ns)
    : start_ns_(start_ns),
      wall_start_ns_(static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                               std::chrono::system_clock::now().time_since_epoch())
                                               .count() -
                                           (ProfilerNowNs() - start_ns))),
      file_name_(FileName(prefix)) {}

void Profiler::Add(std::string event) {
  std::lock_guard lock(mutex_);
  if (!finished_) events_.push_back(std::move(event));
}

void Profiler::AddSessionEvent(const char* name, int64_t start_ns, int64_t end_ns) {
  Add(EventOf("Session", name, start_ns - start_ns_, end_ns - start_ns_, json::object()).dump());
}

void Profiler::StepDone(const plan::BoundPlan& bound, const plan::BoundStep& step, int64_t start_ns,
                        int64_t end_ns, const RunContext& context) {
  const graph::Node& node = *step.step->node;
  json inputs = json::array();
  json outputs = json::array();
  size_t activation_bytes = 0;
  size_t parameter_bytes = 0;
  size_t output_bytes = 0;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.HasInput(i)) continue;
    inputs.push_back(TypeAndShape(context.input(i)));
    (node.input(i)->IsConstant() ? parameter_bytes : activation_bytes) += context.input(i).bytes();
  }
  for (size_t o = 0; o < context.output_count(); ++o) {
    if (!context.HasOutput(o)) continue;
    outputs.push_back(TypeAndShape(context.output(o)));
    output_bytes += context.output(o).bytes();
  }
  const size_t index = bound.plan->IndexOf(*step.step);
  json args = {{"op_name", node.op_type},
               {"provider", "CPUExecutionProvider"},
               {"node_index", std::to_string(index)},
               {"kernel", step.step->prepared.kernel},
               {"start_ns", start_ns - start_ns_},
               {"duration_ns", end_ns - start_ns},
               {"parameter_size", std::to_string(parameter_bytes)},
               {"activation_size", std::to_string(activation_bytes)},
               {"output_size", std::to_string(output_bytes)},
               {"input_type_shape", std::move(inputs)},
               {"output_type_shape", std::move(outputs)},
               {"thread_scheduling_stats", ThreadFacts()},
               // The run's memory is one arena that the plan has laid out; outputs are written into it.
               {"mem_arena_held", std::to_string(bound.arena_bytes)},
               {"mem_arena_held_delta", "0"},
               {"mem_in_use_peak", std::to_string(bound.live_bytes)},
               {"mem_bytes_in_use", std::to_string(step.live_bytes)},
               {"mem_in_use_delta", std::to_string(output_bytes)},
               {"mem_requested_in_use_delta", std::to_string(output_bytes)}};
  if (const std::optional<Cost> cost = CostOf(node, context)) {
    args["flops"] = cost->flops;
    args["bytes"] = cost->bytes;
  }
  if (!node.sources.empty()) args["sources"] = node.sources;
  const std::string name = node.name.empty() ? fmt::format("{}_{}", node.op_type, index) : node.name;
  Add(EventOf("Node", name + "_kernel_time", start_ns - start_ns_, end_ns - start_ns_, std::move(args))
          .dump());
}

Result<std::string> Profiler::Finish() {
  std::lock_guard lock(mutex_);
  if (finished_) return std::string();
  finished_ = true;
  std::ofstream file(file_name_);
  file << "[\n";
  for (size_t i = 0; i < events_.size(); ++i) file << events_[i] << (i + 1 < events_.size() ? ",\n" : "\n");
  file << "]\n";
  file.close();
  if (!file) return Fail("The profile cannot be written to {}", file_name_);
  return file_name_;
}

}  // namespace ortolan::session
