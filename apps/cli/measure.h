// What `bench` and `profile` share: a model that runs on random inputs, and what each of its steps takes.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "command.h"
#include "session/session.h"

namespace ortolan::cli {

// How a command is told of a model and its settings.
struct ModelOptions {
  std::string model;
  std::vector<std::string> dims;
  std::vector<std::string> disabled;
  std::string level = "all";
  int threads = 0;
};
void AddModelOptions(Subcommand& command, ModelOptions& options);
session::Options SettingsOf(const ModelOptions& options);

// Ends the command with the status's message, unless it is OK.
void Check(int code, const std::string& context, const Status& status);

NodeArg NodeArgOf(const import::DeclaredValue& declared);

// What is kept between two runs: feeds stay the same, results are written in place.
struct Runner {
  std::unique_ptr<session::Session> session;
  std::vector<Array> arrays;  // keep the feeds' memory
  std::vector<Value> feeds;
  std::vector<Value> results;
  double load_ms = 0;  // of the session alone

  Status Run() { return session->Run(feeds, {}, {}, results); }
};
Runner MakeRunner(const ModelOptions& options, session::Options settings);

struct Measured {
  double load_ms = 0;
  double first_ms = 0;
  std::vector<double> runs_ms;  // rising

  double Quantile(double part) const {
    return runs_ms[static_cast<size_t>(part * static_cast<double>(runs_ms.size() - 1) + 0.5)];
  }
};
// Runs the model for so long, at least once.
Measured Measure(const ModelOptions& options, double seconds);

// One step of the plan, or all steps of one kind. The work is what the operator states; 0 where it states
// none.
struct StepCost {
  std::string op, kernel, name, shape;
  std::vector<std::string> sources;
  double us = 0, flops = 0, bytes = 0;
  double start_us = 0;  // in the last run
  double last_us = 0;   // what it took there
  double live_bytes = 0;
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

// What each step of the plan takes, the median of some profiled runs, in the order of the plan.
std::vector<StepCost> ProfileSteps(const ModelOptions& options, size_t runs);
// Summed by operator and kernel, costliest first.
std::vector<StepCost> ByKind(const std::vector<StepCost>& steps);
std::vector<StepCost> Sorted(std::vector<StepCost> list);  // costliest first

// "Convolution", "Matrix product", "Attention", "Elementwise", ...: what a step is for, as pages colour it.
std::string FamilyOf(const std::string& op, const std::string& kernel);

nlohmann::json JsonOf(const StepCost& step, double peak_flops);
void PrintSteps(const std::vector<StepCost>& steps, double total_us, double peak_flops, bool kinds);

}  // namespace ortolan::cli
