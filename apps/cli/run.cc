// `ortolan run`: a model on arrays from .npy files, its outputs as text or .npy files.
#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "base/half.h"
#include "command.h"
#include "npy.h"

namespace ortolan::cli {
namespace {

struct RunOptions {
  std::string model;
  std::vector<std::string> inputs;
  std::vector<std::string> dims;
  std::string output;
  int threads = 0;
};

struct Summary {
  double least = INFINITY;
  double most = -INFINITY;
  double sum = 0;
  size_t count = 0;
  size_t odd = 0;  // NaN or infinite

  void Add(double value) {
    if (!std::isfinite(value)) {
      ++odd;
      return;
    }
    least = std::min(least, value);
    most = std::max(most, value);
    sum += value;
    ++count;
  }
};

template <typename T>
void AddAll(const Array& array, Summary& summary) {
  for (const T item : array.Items<T>()) summary.Add(static_cast<double>(item));
}

// "min -1, max 2, mean 0.5", or nothing for types without numbers.
std::string SummaryText(const Array& array) {
  Summary summary;
  switch (array.type()) {
    case ElementType::kFloat:
      AddAll<float>(array, summary);
      break;
    case ElementType::kDouble:
      AddAll<double>(array, summary);
      break;
    case ElementType::kUInt8:
      AddAll<uint8_t>(array, summary);
      break;
    case ElementType::kInt8:
      AddAll<int8_t>(array, summary);
      break;
    case ElementType::kUInt16:
      AddAll<uint16_t>(array, summary);
      break;
    case ElementType::kInt16:
      AddAll<int16_t>(array, summary);
      break;
    case ElementType::kInt32:
      AddAll<int32_t>(array, summary);
      break;
    case ElementType::kInt64:
      AddAll<int64_t>(array, summary);
      break;
    case ElementType::kUInt32:
      AddAll<uint32_t>(array, summary);
      break;
    case ElementType::kUInt64:
      AddAll<uint64_t>(array, summary);
      break;
    case ElementType::kBool:
      AddAll<bool>(array, summary);
      break;
    case ElementType::kFloat16:
    case ElementType::kBFloat16: {
      const auto* bits = static_cast<const uint16_t*>(array.data());
      for (size_t i = 0; i < array.count(); ++i)
        summary.Add(array.type() == ElementType::kFloat16 ? Float16::ToFloat(bits[i])
                                                          : static_cast<float>(BFloat16::FromBits(bits[i])));
      break;
    }
    default:
      return "";
  }
  std::string text;
  if (summary.count > 0)
    text = fmt::format("min {:.6g}, max {:.6g}, mean {:.6g}", summary.least, summary.most,
                       summary.sum / static_cast<double>(summary.count));
  if (summary.odd > 0) text += fmt::format("{}{} not finite", text.empty() ? "" : ", ", summary.odd);
  return text;
}

const NodeArg& FindInput(const InferenceSession& session, const std::string& name) {
  for (const NodeArg& input : session.inputs())
    if (input.name == name) return input;
  std::string known;
  for (const NodeArg& input : session.inputs()) known += (known.empty() ? "" : ", ") + input.name;
  throw CommandError(kUsage, fmt::format("the model has no input '{}'; it has {}", name, known));
}

std::map<std::string, Array> MakeFeeds(const InferenceSession& session, const RunOptions& options) {
  const auto dimensions = ParseDimensions(options.dims);
  std::map<std::string, Array> feeds;
  for (const std::string& pair : options.inputs) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos)
      throw CommandError(kUsage, fmt::format("--input takes NAME=FILE.npy or NAME=random, not '{}'", pair));
    const std::string name = pair.substr(0, equals), source = pair.substr(equals + 1);
    const NodeArg& input = FindInput(session, name);
    feeds[name] = source == "random" ? RandomArray(input, dimensions)
                                     : Guard(kBadInput, "", [&] { return ReadNpy(source); });
  }
  std::string missing;
  for (const NodeArg& input : session.inputs())
    if (!feeds.contains(input.name))
      missing += fmt::format("{}--input {}=... ({})", missing.empty() ? "" : ", ", input.name,
                             DeclarationText(input));
  if (!missing.empty()) throw CommandError(kUsage, "missing " + missing);
  return feeds;
}

// An output's name as a file name: names may hold slashes.
std::string FileNameOf(std::string name) {
  for (char& c : name)
    if (c == '/' || c == '\\' || c == '\0') c = '_';
  return name + ".npy";
}

void Run(const RunOptions& options) {
  SessionOptions settings;
  settings.threads = options.threads;
  const auto session =
      Guard(kBadInput, options.model, [&] { return InferenceSession(options.model, settings); });
  const auto feeds = MakeFeeds(session, options);
  const auto outputs = Guard(kFailed, options.model, [&] { return session.Run(feeds); });
  std::error_code error;
  if (!options.output.empty() && !std::filesystem::create_directories(options.output, error) && error)
    throw CommandError(kFailed, fmt::format("cannot make {}: {}", options.output, error.message()));
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string& name = session.outputs()[i].name;
    const std::string summary = SummaryText(outputs[i]);
    fmt::print("{} {}{}{}\n", name, ArrayText(outputs[i]), summary.empty() ? "" : ": ", summary);
    if (options.output.empty()) continue;
    Guard(kFailed, "",
          [&] { WriteNpy((std::filesystem::path(options.output) / FileNameOf(name)).string(), outputs[i]); });
  }
}

}  // namespace

void AddRun(CommandLine& line) {
  auto options = std::make_shared<RunOptions>();
  line.Add("run", "Run a model on arrays")
      .Positional("model", options->model, "ONNX file")
      .Option("--input", options->inputs, "NAME=FILE.npy or NAME=random, once for each input")
      .Option("--dim", options->dims, "NAME=SIZE: a symbolic size of random inputs (default 1)")
      .Option("--output", options->output, "folder for the outputs as .npy files")
      .Option("--threads", options->threads, "threads of a run (default: one per core)", Limit::kNonNegative)
      .OnRun([options] { Run(*options); });
}

}  // namespace ortolan::cli
