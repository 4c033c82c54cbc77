// `ortolan predict`: pictures through a classifier.
#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "command.h"
#include "ortolan/vision.h"

namespace ortolan::cli {
namespace {

struct PredictOptions {
  std::string model;
  std::vector<std::string> images;
  std::string labels;
  size_t top = 3;
  int threads = 0;
  bool json = false;
};

// One label a line; blank lines do not count.
std::vector<std::string> ReadLabels(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> labels;
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find_first_not_of(" \t\r"), last = line.find_last_not_of(" \t\r");
    if (first != std::string::npos) labels.push_back(line.substr(first, last - first + 1));
  }
  if (labels.empty()) throw CommandError(kBadInput, "no labels in " + path);
  return labels;
}

nlohmann::json JsonOf(const std::string& path, const vision::Classification& result) {
  nlohmann::json top = nlohmann::json::array();
  for (const vision::ClassProbability& entry : result.top)
    top.push_back({{"class_id", entry.class_id}, {"label", entry.label}, {"probability", entry.probability}});
  return {{"image", path},
          {"top", std::move(top)},
          {"speed_ms",
           {{"load", result.speed.load},
            {"preprocess", result.speed.preprocess},
            {"inference", result.speed.inference},
            {"postprocess", result.speed.postprocess}}}};
}

void Print(const std::string& path, const vision::Classification& result) {
  fmt::print("{}\n", path);
  for (const vision::ClassProbability& entry : result.top)
    fmt::print("  {:6.2f} %  {}\n", entry.probability * 100, entry.label);
  fmt::print("  load {:.1f} ms, preprocess {:.1f} ms, inference {:.1f} ms, postprocess {:.1f} ms\n",
             result.speed.load, result.speed.preprocess, result.speed.inference, result.speed.postprocess);
}

void Predict(const PredictOptions& options) {
  vision::ClassifierOptions settings;
  settings.session.threads = options.threads;
  if (!options.labels.empty()) settings.labels = ReadLabels(options.labels);
  const auto classifier =
      Guard(kBadInput, options.model, [&] { return vision::Classifier(options.model, settings); });
  nlohmann::json all = nlohmann::json::array();
  Progress progress;
  for (size_t i = 0; i < options.images.size(); ++i) {
    const std::string& path = options.images[i];
    progress.Show(fmt::format("{}/{} {}", i + 1, options.images.size(), path));
    const auto start = std::chrono::steady_clock::now();
    const vision::Image image = Guard(kBadInput, "", [&] { return vision::LoadImage(path); });
    const std::chrono::duration<double, std::milli> load = std::chrono::steady_clock::now() - start;
    auto result = Guard(kFailed, path, [&] { return classifier.Predict(image, options.top); });
    result.speed.load = load.count();
    progress.Done();
    if (options.json) {
      all.push_back(JsonOf(path, result));
    } else {
      Print(path, result);
    }
  }
  if (options.json) fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace

void AddPredict(CLI::App& app) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* command = app.add_subcommand("predict", "Name what pictures show, with a classifier");
  command->add_option("model", options->model, "ONNX file of a classifier")->required();
  command->add_option("images", options->images, "JPEG, PNG or WebP files")->required();
  command->add_option("--top", options->top, "how many classes to show (3)")->check(CLI::PositiveNumber);
  command->add_option("--labels", options->labels, "class names, one a line (default: the model's own)")
      ->check(CLI::ExistingFile);
  command->add_option("--threads", options->threads, "threads of a run (default: one per core)")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--json", options->json, "print JSON");
  command->callback([options] { Predict(*options); });
}

}  // namespace ortolan::cli
