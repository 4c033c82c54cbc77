// `ortolan explain`: which pass did what to a model, what it left and why, and what each step costs.
#include "session/explain.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "measure.h"
#include "report.h"

namespace ortolan::cli {
namespace {

struct ExplainOptions : ModelOptions {
  bool json = false;
  bool all = false;
  std::string html;
};

session::Explanation Made(const ExplainOptions& options) {
  const auto dimensions = ParseDimensions(options.dims);
  const auto sizes = [&](const import::DeclaredValue& input) -> Result<Dims> {
    Dims dims;
    for (const import::DeclaredDim& dim : input.dims) {
      const auto found = dimensions.find(dim.symbol);
      dims.push_back(dim.size >= 0 ? dim.size : found == dimensions.end() ? 1 : found->second);
    }
    return dims;
  };
  auto made = session::Explain(options.model, sizes, SettingsOf(options));
  Check(kBadInput, options.model, made.status());
  return std::move(*made);
}

nlohmann::json JsonOf(const session::Explanation& made, const std::string& model) {
  using nlohmann::json;
  json passes = json::array(), left = json::array(), steps = json::array();
  for (const session::PassReport& pass : made.passes) {
    json rewrites = json::array();
    for (const session::Rewrite& rewrite : pass.rewrites)
      rewrites.push_back({{"text", rewrite.text}, {"count", rewrite.nodes.size()}, {"nodes", rewrite.nodes}});
    passes.push_back({{"name", pass.name},
                      {"ran", pass.ran},
                      {"nodes_before", pass.nodes_before},
                      {"nodes_after", pass.nodes_after},
                      {"ms", pass.ms},
                      {"rewrites", std::move(rewrites)}});
  }
  for (const session::LeftStep& each : made.left)
    left.push_back({{"pass", each.pass}, {"op", each.op}, {"node", each.node}, {"why", each.why}});
  for (const session::ExplainedStep& step : made.steps) {
    steps.push_back({{"op", step.op},
                     {"kernel", step.kernel},
                     {"name", step.name},
                     {"output", step.shape},
                     {"family", FamilyOf(step.op, step.kernel)},
                     {"sources", step.sources},
                     {"flops", step.flops},
                     {"bytes", step.bytes},
                     {"live_bytes", step.live_bytes}});
  }
  return {{"kind", "explain"},
          {"model", model},
          {"inputs", made.inputs},
          {"passes", std::move(passes)},
          {"left", std::move(left)},
          {"steps", std::move(steps)},
          {"steps_of_plan", made.steps_of_plan},
          {"weight_bytes", made.weight_bytes},
          {"live_bytes", made.live_bytes},
          {"arena_bytes", made.arena_bytes}};
}

void PrintPasses(const std::vector<session::PassReport>& passes, bool all) {
  constexpr size_t kShown = 8;
  fmt::print("\npasses\n");
  for (const session::PassReport& pass : passes) {
    if (!pass.ran) {
      fmt::print("  {:14} turned off\n", pass.name);
      continue;
    }
    fmt::print("  {:14} {:5} -> {:5} nodes {:9.2f} ms\n", pass.name, pass.nodes_before, pass.nodes_after,
               pass.ms);
    for (size_t i = 0; i < pass.rewrites.size() && (all || i < kShown); ++i) {
      const session::Rewrite& rewrite = pass.rewrites[i];
      if (all) {
        fmt::print("  {:>10} x {}: {}\n", rewrite.nodes.size(), rewrite.text, fmt::join(rewrite.nodes, " "));
      } else {
        fmt::print("  {:>10} x {}   {}\n", rewrite.nodes.size(), rewrite.text, rewrite.nodes.front());
      }
    }
    if (!all && pass.rewrites.size() > kShown)
      fmt::print("  {:>10}   and {} other changes (--all shows them)\n", "", pass.rewrites.size() - kShown);
  }
}

void PrintLeft(const std::vector<session::LeftStep>& left, bool all) {
  if (left.empty()) return;
  fmt::print("\nnot fused, and why\n");
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> reasons;
  for (const session::LeftStep& each : left)
    reasons[{each.pass, each.why}].push_back(fmt::format("{} {}", each.op, each.node));
  for (const auto& [reason, nodes] : reasons) {
    fmt::print("  {:14} {}\n", reason.first, reason.second);
    const size_t shown = all ? nodes.size() : std::min<size_t>(nodes.size(), 3);
    for (size_t i = 0; i < shown; ++i) fmt::print("  {:14}   {}\n", "", nodes[i]);
    if (shown < nodes.size()) fmt::print("  {:14}   and {} more\n", "", nodes.size() - shown);
  }
}

void PrintSteps(const session::Explanation& made) {
  fmt::print("\nsteps that run ({} of {} in the plan: views and shape arithmetic are done ahead)\n",
             made.steps.size(), made.steps_of_plan);
  fmt::print("{:>10} {:>10} {:>7} {:>10}  {}\n", "flop", "moved", "flop/B", "live",
             "operator, kernel, result, node");
  double flops = 0, bytes = 0;
  for (const session::ExplainedStep& step : made.steps) {
    flops += step.flops;
    bytes += step.bytes;
    fmt::print("{:>10} {:>10} {:>7} {:>10}  {}  {}  {}  {}\n", step.flops > 0 ? Short(step.flops) : "",
               ShortBytes(step.bytes),
               step.flops > 0 && step.bytes > 0 ? fmt::format("{:.1f}", step.flops / step.bytes) : "",
               ShortBytes(static_cast<double>(step.live_bytes)), step.op, step.kernel, step.shape, step.name);
  }
  fmt::print("{:>10} {:>10} {:>7} {:>10}  in all\n", Short(flops), ShortBytes(bytes), "",
             ShortBytes(static_cast<double>(made.live_bytes)));
}

void Explain(const ExplainOptions& options) {
  const session::Explanation made = Made(options);
  const nlohmann::json report = JsonOf(made, std::filesystem::path(options.model).filename().string());
  if (!options.html.empty()) WriteText(options.html, Page(report));
  if (options.json) {
    fmt::print("{}\n", JsonText(report));
    return;
  }
  fmt::print("inputs\n");
  for (const std::string& input : made.inputs) fmt::print("  {}\n", input);
  PrintPasses(made.passes, options.all);
  PrintLeft(made.left, options.all);
  PrintSteps(made);
  std::vector<double> live;
  for (const session::ExplainedStep& step : made.steps) live.push_back(static_cast<double>(step.live_bytes));
  fmt::print("\nmemory of a run, step by step: {} alive at most, {} taken; weights {}\n{}",
             ShortBytes(static_cast<double>(made.live_bytes)),
             ShortBytes(static_cast<double>(made.arena_bytes)),
             ShortBytes(static_cast<double>(made.weight_bytes)), Curve(live, 100, 6));
}

}  // namespace

void AddExplain(CommandLine& line) {
  auto options = std::make_shared<ExplainOptions>();
  Subcommand command = line.Add("explain", "Tell what the passes did to a model, and what its steps cost");
  AddModelOptions(command, *options);
  command.Flag("--all", options->all, "name every node")
      .Flag("--json", options->json, "print JSON")
      .Option("--html", options->html, "write a page to this file")
      .OnRun([options] { Explain(*options); });
}

}  // namespace ortolan::cli
