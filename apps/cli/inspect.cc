// `ortolan inspect`: what a model declares, or the text of one stage of its way through the engine.
#include <fmt/format.h>

#include "command.h"
#include "session/session.h"

namespace ortolan::cli {
namespace {

void PrintDeclarations(const std::string& path) {
  const auto session = Guard(kBadInput, path, [&] { return InferenceSession(path); });
  fmt::print("inputs\n");
  for (const NodeArg& input : session.inputs()) fmt::print("  {}: {}\n", input.name, DeclarationText(input));
  fmt::print("outputs\n");
  for (const NodeArg& output : session.outputs())
    fmt::print("  {}: {}\n", output.name, DeclarationText(output));
  if (!session.metadata().empty()) fmt::print("metadata\n");
  for (const auto& [key, value] : session.metadata()) fmt::print("  {}: {}\n", key, value);
}

void PrintStage(const std::string& path, const std::string& stage) {
  const auto text = session::DescribeStage(path, stage, {});
  if (!text.ok())
    Guard(kBadInput, path,
          [&] { throw Exception(static_cast<ErrorCode>(text.status().code()), text.status().message()); });
  fmt::print("{}{}", *text, text->ends_with('\n') ? "" : "\n");
}

}  // namespace

void AddInspect(CommandLine& line) {
  struct Options {
    std::string model, stage;
  };
  auto options = std::make_shared<Options>();
  line.Add("inspect", "Show a model's inputs and outputs, or one stage of its way")
      .Positional("model", options->model, "ONNX file")
      .Choice("--stage", options->stage, {"model", "graph", "passes", "plan"},
              "model: as in the file; graph: as imported; passes: rewritten; plan: the steps that run")
      .OnRun([options] {
        if (options->stage.empty()) {
          PrintDeclarations(options->model);
        } else {
          PrintStage(options->model, options->stage);
        }
      });
}

}  // namespace ortolan::cli
