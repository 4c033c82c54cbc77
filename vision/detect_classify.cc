// The pipeline of files that hold a detector and a classifier: the model itself finds, cuts out and names;
// here its rows become objects of the picture.
#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "vision/fusion.h"
#include "vision/image.h"
#include "vision/letterbox.h"
#include "vision/model_facts.h"
#include "vision/scores.h"
#include "vision/throwing.h"

namespace ortolan::vision {
namespace {

constexpr const char* kFloats = "tensor(float)";
constexpr const char* kIntegers = "tensor(int64)";

struct Port {
  const char* name;
  const char* type;
  size_t rank;
};
constexpr Port kImage = {"images", kFloats, 4};
// Of files whose crops are cut from the original picture:
constexpr Port kSource = {"source_image", kFloats, 4};
constexpr Port kScale = {"letterbox_scale", kFloats, 1};
constexpr Port kPad = {"letterbox_pad", kFloats, 1};

enum Place : size_t { kBoxes, kScores, kClasses, kCount, kProbabilities, kMasks };
constexpr std::array<Port, 6> kOutputs = {{{"boxes", kFloats, 2},
                                           {"scores", kFloats, 1},
                                           {"classes", kIntegers, 1},
                                           {"num_detections", kIntegers, 1},
                                           {"probs", kFloats, 2},
                                           {"masks", kFloats, 4}}};

const NodeArg& Find(const std::vector<NodeArg>& args, const Port& port, const std::string& side) {
  const auto found = std::ranges::find(args, port.name, &NodeArg::name);
  const std::string where = side + " " + port.name;
  if (found == args.end())
    Refuse("The model calls itself a detector and a classifier in one but has no " + where);
  if (found->type != port.type) Refuse("The " + where + " is " + found->type + ", expected " + port.type);
  if (!found->shape.empty() && found->shape.size() != port.rank)
    Refuse("The " + where + " has " + std::to_string(found->shape.size()) + " dimensions, expected " +
           std::to_string(port.rank));
  return *found;
}

void CheckInputs(const InferenceSession& session, const Fusion& fusion) {
  const NodeArg& image = Find(session.inputs(), kImage, "input");
  CheckPictureInput(image, "detector");
  const std::array<int64_t, 2> told = {fusion.height, fusion.width};
  for (size_t i = 0; i < 2 && !image.shape.empty(); ++i)
    if (image.shape[i + 2] >= 0 && image.shape[i + 2] != told[i])
      Refuse("The input images has a side of " + std::to_string(image.shape[i + 2]) +
             " pixels, the metadata says " + std::to_string(told[i]));
  if (!fusion.original) return;
  for (const Port& port : {kSource, kScale, kPad}) Find(session.inputs(), port, "input");
}

std::vector<std::string> OutputNames(const Fusion& fusion) {
  std::vector<std::string> names;
  for (const Port& port : kOutputs) names.emplace_back(port.name);
  if (!fusion.masks) names.pop_back();
  return names;
}

// The answers of a run, looked at before anything is read of them.
struct Rows {
  explicit Rows(const std::vector<Array>& arrays) {
    const std::vector<int64_t>& table = arrays[kBoxes].shape();
    if (table.size() != 2 || table[1] != 4) Refuse("The output boxes is not (n, 4)");
    for (size_t i = 0; i < arrays.size(); ++i) {
      const std::vector<int64_t>& shape = arrays[i].shape();
      const bool fits = shape.size() == kOutputs[i].rank && (i == kCount || shape[0] == table[0]) &&
                        (i != kMasks || shape[1] == 1);
      if (!fits) Refuse(std::string("The output ") + kOutputs[i].name + " does not fit its boxes");
    }
    boxes = arrays[kBoxes].Items<float>();
    scores = arrays[kScores].Items<float>();
    classes = arrays[kClasses].Items<int64_t>();
    probabilities = arrays[kProbabilities].Items<float>();
    kinds = static_cast<size_t>(arrays[kProbabilities].shape()[1]);
    const std::span<int64_t> told = arrays[kCount].Items<int64_t>();
    if (told.empty()) Refuse("The output num_detections is empty");
    // Rows past it are there to keep the shapes fixed.
    count = static_cast<size_t>(std::clamp<int64_t>(told[0], 0, table[0]));
    if (count > 0 && kinds == 0) Refuse("The output probs is of no class");
    if (count > 0 && arrays.size() > kMasks) {
      masks = arrays[kMasks].Items<float>();
      mask_height = arrays[kMasks].shape()[2], mask_width = arrays[kMasks].shape()[3];
    }
    for (const int64_t kind : classes.first(count))
      if (kind < 0 || kind > std::numeric_limits<int>::max())
        Refuse("The output classes has " + std::to_string(kind));
  }

  size_t count = 0, kinds = 0;
  std::span<const float> boxes, scores, probabilities, masks;
  std::span<const int64_t> classes;
  int64_t mask_width = 0, mask_height = 0;
};

// In double precision, as Python has them: an edge at the picture's, which went there and back in single
// precision, decides about a mask's width.
struct Edges {
  double left, top, right, bottom;
};

Edges ToPicture(const float* box, const Letterbox& place, const Image& image) {
  // NaN becomes 0.
  const auto edge = [&](float at, int pad, int limit) {
    const double moved = (static_cast<double>(at) - pad) / place.scale;
    return moved > 0 ? std::min(moved, static_cast<double>(limit)) : 0.0;
  };
  return {edge(box[0], place.left, image.width), edge(box[1], place.top, image.height),
          edge(box[2], place.left, image.width), edge(box[3], place.top, image.height)};
}

// A mask of the classifier's input at the size of its box, the nearest cell for each pixel; none where the
// box is empty.
Mask Spread(std::span<const float> cells, int64_t across, int64_t down, const Edges& box) {
  Mask mask;
  const int width = static_cast<int>(box.right) - static_cast<int>(box.left);
  const int height = static_cast<int>(box.bottom) - static_cast<int>(box.top);
  if (width < 1 || height < 1 || cells.empty()) return mask;
  mask.width = width;
  mask.height = height;
  mask.pixels.resize(static_cast<size_t>(width) * height);
  for (int y = 0; y < height; ++y) {
    const float* row = cells.data() + y * down / height * across;
    uint8_t* out = mask.pixels.data() + static_cast<size_t>(y) * width;
    for (int x = 0; x < width; ++x) out[x] = row[x * across / width] > 0.5F ? 255 : 0;
  }
  return mask;
}

}  // namespace

struct DetectClassify::Impl {
  Impl(InferenceSession loaded, const DetectClassifyOptions& options)
      : session(std::move(loaded)), confidence(options.confidence), top(options.top) {
    std::optional<Fusion> told = ReadFusion(session.metadata());
    if (!told)
      Refuse(
          "The model is not a detector and a classifier in one: its metadata has no 'ovs.kind' with sizes. "
          "ortolan.vision.compose makes such files; Detector and Classifier run plain models");
    fusion = std::move(*told);
    CheckInputs(session, fusion);
    outputs = OutputNames(fusion);
    for (size_t i = 0; i < outputs.size(); ++i) Find(session.outputs(), kOutputs[i], "output");
    labels = options.labels.empty() ? fusion.detector_names : options.labels;
    classifier_labels =
        options.classifier_labels.empty() ? fusion.classifier_names : options.classifier_labels;
    const std::vector<int64_t>& shape = Find(session.outputs(), kOutputs[kProbabilities], "output").shape;
    const int64_t kinds = shape.empty() ? -1 : shape.back();
    if (kinds > 0 && !classifier_labels.empty() && static_cast<int64_t>(classifier_labels.size()) != kinds)
      Refuse("Resolved " + std::to_string(classifier_labels.size()) + " labels but the classifier has " +
             std::to_string(kinds) + " classes");
  }

  std::map<std::string, Array> MakeFeeds(const Image& image, const Letterbox& place) const {
    Array planes(ElementType::kFloat, {1, 3, fusion.height, fusion.width});
    ThrowIfError(LetterboxToPlanes(image, place, fusion.width, fusion.height, planes.Items<float>()));
    std::map<std::string, Array> feeds = {{kImage.name, std::move(planes)}};
    if (!fusion.original) return feeds;
    feeds.emplace(kSource.name, ToTensor(image));
    feeds.emplace(kScale.name, Array::Of<float>({1}, std::array<float, 1>{static_cast<float>(place.scale)}));
    feeds.emplace(kPad.name, Array::Of<float>({2}, std::array<float, 2>{static_cast<float>(place.left),
                                                                        static_cast<float>(place.top)}));
    return feeds;
  }

  std::vector<ClassProbability> Name(std::span<const float> answer) const {
    std::vector<float> probabilities(answer.begin(), answer.end());
    if (fusion.softmax) Softmax(probabilities);
    std::vector<ClassProbability> kinds;
    for (const int id : TopK(probabilities, top))
      kinds.push_back({id, LabelOf(classifier_labels, id), probabilities[id]});
    return kinds;
  }

  InferenceSession session;
  Fusion fusion;
  float confidence;
  size_t top;
  std::vector<std::string> outputs;
  std::vector<std::string> labels;
  std::vector<std::string> classifier_labels;
};

DetectClassify::DetectClassify(const std::string& model_path, const DetectClassifyOptions& options)
    : DetectClassify(InferenceSession(model_path, options.session), options) {}
DetectClassify::DetectClassify(InferenceSession session, const DetectClassifyOptions& options)
    : impl_(std::make_unique<Impl>(std::move(session), options)) {}
DetectClassify::~DetectClassify() = default;
DetectClassify::DetectClassify(DetectClassify&&) noexcept = default;
DetectClassify& DetectClassify::operator=(DetectClassify&&) noexcept = default;

ClassifiedDetections DetectClassify::Predict(const Image& image) const {
  ClassifiedDetections result;
  Stopwatch watch;
  ThrowIfError(CheckImage(image));
  const Letterbox place =
      OrThrow(FitInto(image.width, image.height, impl_->fusion.width, impl_->fusion.height));
  const auto feeds = impl_->MakeFeeds(image, place);
  result.speed.preprocess = watch.Lap();
  const std::vector<Array> arrays = impl_->session.Run(feeds, impl_->outputs);
  result.speed.inference = watch.Lap();
  const Rows rows(arrays);
  const size_t cells = static_cast<size_t>(rows.mask_width * rows.mask_height);
  for (size_t i = 0; i < rows.count; ++i) {
    if (rows.scores[i] < impl_->confidence) continue;
    const Edges edges = ToPicture(&rows.boxes[i * 4], place, image);
    ClassifiedDetection object;
    object.class_id = static_cast<int>(rows.classes[i]);
    object.label = LabelOf(impl_->labels, object.class_id);
    object.score = rows.scores[i];
    object.box = {static_cast<float>(edges.left), static_cast<float>(edges.top),
                  static_cast<float>(edges.right), static_cast<float>(edges.bottom)};
    if (cells > 0)
      object.mask = Spread(rows.masks.subspan(i * cells, cells), rows.mask_width, rows.mask_height, edges);
    object.kinds = impl_->Name(rows.probabilities.subspan(i * rows.kinds, rows.kinds));
    result.objects.push_back(std::move(object));
  }
  result.speed.postprocess = watch.Lap();
  return result;
}

ClassifiedDetections DetectClassify::Predict(const std::string& path) const {
  Stopwatch watch;
  const Image image = LoadImage(path);
  const double load = watch.Lap();
  ClassifiedDetections result = Predict(image);
  result.speed.load = load;
  return result;
}

const std::vector<std::string>& DetectClassify::labels() const {
  return impl_->labels;
}
const std::vector<std::string>& DetectClassify::classifier_labels() const {
  return impl_->classifier_labels;
}
int DetectClassify::width() const {
  return impl_->fusion.width;
}
int DetectClassify::height() const {
  return impl_->fusion.height;
}
const InferenceSession& DetectClassify::session() const {
  return impl_->session;
}

}  // namespace ortolan::vision
