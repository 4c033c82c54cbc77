// `ortolan predict`: pictures through a classifier, a detector, or what segments. `ortolan label`: what a
// model of these expects.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "command.h"
#include "ortolan/vision.h"

namespace ortolan::cli {
namespace {

namespace fs = std::filesystem;

struct PredictOptions {
  std::string model;
  std::vector<std::string> images;
  std::string labels;
  std::string head;
  std::string out;
  size_t top = 3;
  float confidence = -1;  // what the task takes where nobody says
  float overlap = 0.45F;
  float mask_threshold = 0.5F;
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

nlohmann::json JsonOf(const vision::Speed& speed) {
  return {{"load", speed.load},
          {"preprocess", speed.preprocess},
          {"inference", speed.inference},
          {"postprocess", speed.postprocess}};
}

nlohmann::json JsonOf(const std::string& path, const vision::Classification& result) {
  nlohmann::json top = nlohmann::json::array();
  for (const vision::ClassProbability& entry : result.top)
    top.push_back({{"class_id", entry.class_id}, {"label", entry.label}, {"probability", entry.probability}});
  return {{"image", path}, {"top", std::move(top)}, {"speed_ms", JsonOf(result.speed)}};
}

// As COCO writes masks: the size, and the lengths of runs down the columns, of zeros first.
nlohmann::json RunLengths(const vision::Mask& mask) {
  std::vector<int64_t> counts;
  int64_t run = 0;
  bool inside = false;
  for (int x = 0; x < mask.width; ++x)
    for (int y = 0; y < mask.height; ++y, ++run)
      if ((mask.pixels[static_cast<size_t>(y) * mask.width + x] != 0) != inside) {
        counts.push_back(run);
        run = 0;
        inside = !inside;
      }
  counts.push_back(run);
  return {{"size", {mask.height, mask.width}}, {"counts", std::move(counts)}};
}

nlohmann::json JsonOf(const vision::Detection& object) {
  nlohmann::json made = {{"class_id", object.class_id},
                         {"label", object.label},
                         {"score", object.score},
                         {"box", {object.box.left, object.box.top, object.box.right, object.box.bottom}}};
  if (!object.mask.pixels.empty()) made["mask"] = RunLengths(object.mask);
  for (const vision::Keypoint& point : object.keypoints)
    made["keypoints"].push_back({point.x, point.y, point.certainty});
  for (const vision::Corner& corner : object.corners) made["corners"].push_back({corner.x, corner.y});
  if (!object.corners.empty()) made["angle"] = object.angle;
  return made;
}

nlohmann::json JsonOf(const vision::ClassifiedDetection& object) {
  nlohmann::json made = JsonOf(static_cast<const vision::Detection&>(object));
  if (object.kinds.empty()) return made;
  const vision::ClassProbability& best = object.kinds.front();
  made.update({{"kind_id", best.class_id}, {"kind", best.label}, {"kind_probability", best.probability}});
  return made;
}

template <typename Objects>
nlohmann::json JsonOfObjects(const std::string& path, const Objects& result) {
  nlohmann::json objects = nlohmann::json::array();
  for (const auto& object : result.objects) objects.push_back(JsonOf(object));
  return {{"image", path}, {"objects", std::move(objects)}, {"speed_ms", JsonOf(result.speed)}};
}
nlohmann::json JsonOf(const std::string& path, const vision::Detections& result) {
  return JsonOfObjects(path, result);
}
nlohmann::json JsonOf(const std::string& path, const vision::ClassifiedDetections& result) {
  return JsonOfObjects(path, result);
}

struct ClassShare {
  int class_id;
  std::string label;
  double share;  // of the picture
};

// The classes of a map, the largest first.
std::vector<ClassShare> SharesOf(const vision::ClassMap& map) {
  std::vector<size_t> counts(1 << 16);
  for (const uint16_t id : map.classes) ++counts[id];
  std::vector<ClassShare> shares;
  for (size_t id = 0; id < counts.size(); ++id) {
    if (counts[id] == 0) continue;
    shares.push_back({static_cast<int>(id),
                      id < map.labels.size() ? map.labels[id] : fmt::format("class_{}", id),
                      static_cast<double>(counts[id]) / static_cast<double>(map.classes.size())});
  }
  std::stable_sort(shares.begin(), shares.end(),
                   [](const ClassShare& a, const ClassShare& b) { return a.share > b.share; });
  return shares;
}

nlohmann::json JsonOf(const std::string& path, const vision::ClassMap& map) {
  nlohmann::json classes = nlohmann::json::array();
  for (const ClassShare& entry : SharesOf(map))
    classes.push_back({{"class_id", entry.class_id}, {"label", entry.label}, {"share", entry.share}});
  return {{"image", path}, {"classes", std::move(classes)}, {"speed_ms", JsonOf(map.speed)}};
}

void PrintTable(const vision::ClassMap& map) {
  for (const ClassShare& entry : SharesOf(map))
    fmt::print("  {:6.2f} %  {}\n", entry.share * 100, entry.label);
}

void PrintTable(const vision::Classification& result) {
  for (const vision::ClassProbability& entry : result.top)
    fmt::print("  {:6.2f} %  {}\n", entry.probability * 100, entry.label);
}

// What the classifier calls an object; of detectors nothing.
std::string KindOf(const vision::Detection&) {
  return "";
}
std::string KindOf(const vision::ClassifiedDetection& object) {
  if (object.kinds.empty()) return "";
  return fmt::format("  {} {:.2f}", object.kinds.front().label, object.kinds.front().probability);
}

template <typename Objects>
void PrintObjects(const Objects& result, std::string_view last_column) {
  size_t width = 6;
  for (const vision::Detection& object : result.objects) width = std::max(width, object.label.size());
  fmt::print("  {:<{}}  {:>5}  {:>7}  {:>7}  {:>7}  {:>7}{}\n", "object", width, "score", "left", "top",
             "right", "bottom", last_column);
  for (const auto& object : result.objects)
    fmt::print("  {:<{}}  {:5.2f}  {:7.1f}  {:7.1f}  {:7.1f}  {:7.1f}{}\n", object.label, width, object.score,
               object.box.left, object.box.top, object.box.right, object.box.bottom, KindOf(object));
  if (result.objects.empty()) fmt::print("  nothing found\n");
}
void PrintTable(const vision::Detections& result) {
  PrintObjects(result, "");
}
void PrintTable(const vision::ClassifiedDetections& result) {
  PrintObjects(result, "  kind");
}

void PrintSpeed(const vision::Speed& speed) {
  fmt::print("  load {:.1f} ms, preprocess {:.1f} ms, inference {:.1f} ms, postprocess {:.1f} ms\n",
             speed.load, speed.preprocess, speed.inference, speed.postprocess);
}

// Where annotated pictures go: the input's name in the folder, with a number where two inputs share a name. A
// picture is never written over an input.
class OutputFolder {
 public:
  OutputFolder(std::string folder, const std::vector<std::string>& inputs) : folder_(std::move(folder)) {
    if (folder_.empty()) return;
    std::error_code error;
    fs::create_directories(folder_, error);
    if (!fs::is_directory(folder_)) throw CommandError(kBadInput, "cannot make the folder " + folder_);
    for (const std::string& input : inputs) taken_.insert(fs::weakly_canonical(input, error).string());
  }

  bool wanted() const { return !folder_.empty(); }

  std::string PathFor(const std::string& input) {
    const fs::path name = fs::path(input).filename();
    std::string ending = name.extension().string();
    if (ending != ".jpg" && ending != ".jpeg" && ending != ".png" && ending != ".webp") ending = ".png";
    std::error_code error;
    for (int number = 1;; ++number) {
      const std::string suffix = number == 1 ? "" : fmt::format("-{}", number);
      const fs::path path = fs::path(folder_) / fmt::format("{}{}{}", name.stem().string(), suffix, ending);
      if (taken_.insert(fs::weakly_canonical(path, error).string()).second) return path.string();
    }
  }

 private:
  std::string folder_;
  std::set<std::string> taken_;
};

template <typename Predictor>
void PredictAll(const PredictOptions& options, Predictor predict) {
  OutputFolder folder(options.out, options.images);
  nlohmann::json all = nlohmann::json::array();
  Progress progress;
  for (size_t i = 0; i < options.images.size(); ++i) {
    const std::string& path = options.images[i];
    progress.Show(fmt::format("{}/{} {}", i + 1, options.images.size(), path));
    const auto start = std::chrono::steady_clock::now();
    vision::Image image = Guard(kBadInput, "", [&] { return vision::LoadImage(path); });
    const std::chrono::duration<double, std::milli> load = std::chrono::steady_clock::now() - start;
    auto result = Guard(kFailed, path, [&] { return predict(image); });
    result.speed.load = load.count();
    std::string written;
    if (folder.wanted()) {
      written = folder.PathFor(path);
      Guard(kFailed, written, [&] {
        vision::Draw(image, result);
        vision::SaveImage(image, written);
      });
    }
    progress.Done();
    if (options.json) {
      all.push_back(JsonOf(path, result));
      if (!written.empty()) all.back()["written"] = written;
      continue;
    }
    fmt::print("{}\n", path);
    PrintTable(result);
    PrintSpeed(result.speed);
    if (!written.empty()) fmt::print("  written to {}\n", written);
  }
  if (options.json) fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

// A head that the user names says what the model is for.
vision::Task TaskOf(const InferenceSession& session, const std::string& head) {
  if (head.empty()) return vision::RecognizeTask(session);
  if (head == "classifier") return vision::Task::kClassify;
  if (head.ends_with("-seg")) return vision::Task::kSegment;
  return head == "semantic" ? vision::Task::kLabelPixels : vision::Task::kDetect;
}

void Predict(const PredictOptions& options) {
  const std::vector<std::string> labels =
      options.labels.empty() ? std::vector<std::string>{} : ReadLabels(options.labels);
  auto session = Guard(kBadInput, options.model, [&] {
    SessionOptions settings;
    settings.threads = options.threads;
    return InferenceSession(options.model, settings);
  });
  const vision::Task task = Guard(kBadInput, options.model, [&] { return TaskOf(session, options.head); });
  if (task == vision::Task::kDetect || task == vision::Task::kSegment) {
    vision::DetectorOptions settings;
    settings.head = options.head;
    settings.mask_threshold = options.mask_threshold;
    settings.labels = labels;
    if (options.confidence >= 0) settings.confidence = options.confidence;
    settings.overlap = options.overlap;
    const auto predict_with = [&](auto made) {
      PredictAll(options, [&](const vision::Image& image) { return made.Predict(image); });
    };
    if (task == vision::Task::kSegment) {
      predict_with(
          Guard(kBadInput, options.model, [&] { return vision::Segmenter(std::move(session), settings); }));
    } else {
      predict_with(
          Guard(kBadInput, options.model, [&] { return vision::Detector(std::move(session), settings); }));
    }
  } else if (task == vision::Task::kDetectClassify) {
    vision::DetectClassifyOptions settings;
    settings.labels = labels;
    settings.top = 1;  // what is shown
    if (options.confidence >= 0) settings.confidence = options.confidence;
    const auto made =
        Guard(kBadInput, options.model, [&] { return vision::DetectClassify(std::move(session), settings); });
    PredictAll(options, [&](const vision::Image& image) { return made.Predict(image); });
  } else if (task == vision::Task::kLabelPixels) {
    vision::SemanticOptions settings;
    settings.labels = labels;
    const auto segmenter = Guard(kBadInput, options.model,
                                 [&] { return vision::SemanticSegmenter(std::move(session), settings); });
    PredictAll(options, [&](const vision::Image& image) { return segmenter.Predict(image); });
  } else {
    vision::ClassifierOptions settings;
    settings.labels = labels;
    const auto classifier =
        Guard(kBadInput, options.model, [&] { return vision::Classifier(std::move(session), settings); });
    PredictAll(options, [&](const vision::Image& image) { return classifier.Predict(image, options.top); });
  }
}

}  // namespace

void AddPredict(CommandLine& line) {
  auto options = std::make_shared<PredictOptions>();
  line.Add("predict",
           "Name what pictures show, find objects in them, their shapes and poses, or label their pixels")
      .Positional("model", options->model, "ONNX file of a classifier, a detector or a segmenter")
      .Positional("images", options->images, "BMP, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP files")
      .Option("--out", options->out, "folder for the pictures with the answer drawn on them")
      .Option("--top", options->top, "how many classes a classifier shows (3)", Limit::kPositive)
      .Option("--conf", options->confidence,
              "least score of an object (0.25; of files of detector and classifier their own)", Limit::kShare)
      .Option("--iou", options->overlap, "most overlap of two objects of a class (0.45)", Limit::kShare)
      .Option("--mask", options->mask_threshold, "what a pixel of a mask has to reach (0.5)", Limit::kShare)
      .Option("--head", options->head,
              "what the outputs mean, where the model does not tell: yolov8, yolov5, end2end (each also "
              "with -seg, -pose or -obb), rtdetr, detr, boxes, semantic, classifier")
      .Option("--labels", options->labels, "class names, one a line (default: the model's own)", Limit::kFile)
      .Option("--threads", options->threads, "threads of a run (default: one per core)", Limit::kNonNegative)
      .Flag("--json", options->json, "print JSON")
      .OnRun([options] { Predict(*options); });
}

void AddLabel(CommandLine& line) {
  auto model = std::make_shared<std::string>();
  line.Add("label", "Tell in words what a model of pictures expects and what its outputs mean")
      .Positional("model", *model, "ONNX file of a classifier, a detector or a segmenter")
      .OnRun([model] {
        const auto session = Guard(kBadInput, *model, [&] { return InferenceSession(*model); });
        fmt::print("{}", Guard(kBadInput, *model, [&] { return vision::Describe(session); }));
      });
}

}  // namespace ortolan::cli
