// The detector's pipeline, whatever its head.
#include <algorithm>

#include "vision/decode.h"
#include "vision/fit.h"
#include "vision/heads.h"
#include "vision/image.h"
#include "vision/masks.h"
#include "vision/model_facts.h"
#include "vision/throwing.h"

namespace ortolan::vision {
namespace {

constexpr int kUsualSide = 640;

}  // namespace

struct Detector::Impl {
  Impl(InferenceSession loaded, const DetectorOptions& given)
      : session(std::move(loaded)),
        limits{given.confidence, given.overlap, given.most},
        mask_threshold(given.mask_threshold),
        wanted(given.head),
        own_labels(static_cast<int64_t>(given.labels.size())) {
    if (session.inputs().empty()) Refuse("A detector has an input; this model has none");
    // The head is told from the input's size too, and the input from the head.
    const NodeArg& first = session.inputs().front();
    input = ReadPictureSize(session, first, given.width, given.height, kUsualSide);
    spec = OrThrow(Recognize(session.outputs()));
    const NodeArg& picture = session.inputs()[static_cast<size_t>(spec.picture)];
    CheckPictureInput(picture, "detector");
    input = ReadPictureSize(session, picture, given.width, given.height, kUsualSide);
    if (spec.family == HeadFamily::kSemantic)
      Refuse("The model labels pixels (SemanticSegmenter does), it finds no objects");
    labels = ReadLabels(session, given.labels, spec.classes);
    name = spec.name();
  }

  Result<HeadSpec> Recognize(std::span<const NodeArg> outputs) const {
    return RecognizeHead(
        {session.inputs(), outputs, session.metadata(), wanted, own_labels, input.width, input.height});
  }

  std::map<std::string, Array> MakeFeeds(const Image& image, const View& view) const {
    std::vector<int64_t> shape = {1, 3, view.input_height, view.input_width};
    if (!spec.batched) shape.erase(shape.begin());
    Array planes(ElementType::kFloat, shape);
    ThrowIfError(FillInput(spec, image, view, planes.Items<float>()));
    std::map<std::string, Array> feeds = {{input.name, ToInputType(std::move(planes), input.half)}};
    if (spec.picture_size >= 0) {
      const NodeArg& size = session.inputs()[static_cast<size_t>(spec.picture_size)];
      if (size.type != "tensor(int64)") Refuse("The input " + size.name + " is " + size.type);
      feeds.emplace(size.name, Array::Of<int64_t>({1, 2}, std::vector<int64_t>{image.width, image.height}));
    }
    if (spec.pixel_mask >= 0) {
      const NodeArg& mask = session.inputs()[static_cast<size_t>(spec.pixel_mask)];
      if (mask.type != "tensor(int64)") Refuse("The input " + mask.name + " is " + mask.type);
      const auto side = [&](size_t axis, int open) {
        return mask.shape.size() == 3 && mask.shape[axis] > 0 ? mask.shape[axis] : int64_t{open};
      };
      Array ones(ElementType::kInt64, {1, side(1, view.input_height), side(2, view.input_width)});
      std::ranges::fill(ones.Items<int64_t>(), 1);
      feeds.emplace(mask.name, ones);
    }
    return feeds;
  }

  // What the shapes of a run's outputs tell, where the model's left it open.
  HeadSpec SpecOf(const std::vector<Array>& outputs) const {
    if (spec.sure) return spec;
    std::vector<NodeArg> seen = session.outputs();
    for (size_t i = 0; i < seen.size(); ++i) seen[i].shape = outputs[i].shape();
    HeadSpec told = OrThrow(Recognize(seen));
    if (told.fit != spec.fit)
      Refuse("The model's outputs turn out to be those of a " + told.name() + " head; name it");
    return told;
  }

  InferenceSession session;
  PictureInput input;
  YoloLimits limits;
  float mask_threshold;
  std::string wanted;
  int64_t own_labels;
  HeadSpec spec;
  std::string name;
  std::vector<std::string> labels;
};

Detector::Detector(const std::string& model_path, const DetectorOptions& options)
    : Detector(InferenceSession(model_path, options.session), options) {}
Detector::Detector(InferenceSession session, const DetectorOptions& options)
    : impl_(std::make_unique<Impl>(std::move(session), options)) {}
Detector::~Detector() = default;
Detector::Detector(Detector&&) noexcept = default;
Detector& Detector::operator=(Detector&&) noexcept = default;

namespace {

// An array as decoders take it; `room` and `numbers` hold what had to be converted.
Output OutputOf(const Array& array, std::vector<float>& room, std::vector<int64_t>& numbers) {
  Output output;
  output.shape = array.shape();
  if (array.type() == ElementType::kInt64) {
    output.integers = array.Items<int64_t>();
  } else if (array.type() == ElementType::kInt32) {
    const std::span<int32_t> items = array.Items<int32_t>();
    numbers.assign(items.begin(), items.end());
    output.integers = numbers;
  } else {
    output.floats = AsFloats(array, room);
  }
  return output;
}

}  // namespace

Detections Detector::Predict(const Image& image) const {
  Detections result;
  Stopwatch watch;
  ThrowIfError(CheckImage(image));
  const View view =
      OrThrow(PlanInput(impl_->spec, image.width, image.height, impl_->input.width, impl_->input.height));
  const auto feeds = impl_->MakeFeeds(image, view);
  result.speed.preprocess = watch.Lap();
  const std::vector<Array> arrays = impl_->session.Run(feeds);
  result.speed.inference = watch.Lap();
  const HeadSpec spec = impl_->SpecOf(arrays);
  std::vector<std::vector<float>> rooms(arrays.size());
  std::vector<std::vector<int64_t>> numbers(arrays.size());
  std::vector<Output> outputs;
  for (size_t i = 0; i < arrays.size(); ++i) outputs.push_back(OutputOf(arrays[i], rooms[i], numbers[i]));
  const Decoded found = OrThrow(DecodeHead(spec, outputs, view, impl_->limits));
  for (size_t i = 0; i < found.objects.size(); ++i) {
    const ScoredBox& object = found.objects[i];
    Detection detection;
    detection.class_id = object.class_id;
    detection.label = LabelOf(impl_->labels, object.class_id);
    detection.score = object.score;
    detection.box = object.box;
    for (size_t k = 0; k < found.numbers; ++k) {
      const float* point = found.keypoints.data() + (i * found.numbers + k) * spec.coordinates;
      detection.keypoints.push_back({point[0], point[1], spec.coordinates > 2 ? point[2] : 1.0F});
    }
    if (!found.turned.empty()) {
      const auto corners = found.turned[i].Corners();
      for (size_t c = 0; c < corners.size(); c += 2)
        detection.corners.push_back({corners[c], corners[c + 1]});
      detection.angle = found.turned[i].angle;
    }
    if (spec.extra == HeadExtra::kMask) {
      const Output& planes = outputs[static_cast<size_t>(spec.prototypes)];
      const Prototypes prototypes{planes.floats, static_cast<size_t>(planes.size(1)),
                                  static_cast<int>(planes.size(2)), static_cast<int>(planes.size(3))};
      detection.mask =
          OrThrow(DecodeMask(prototypes, found.coefficients.data() + i * prototypes.count, 1, object.box,
                             view.place, view.input_width, view.input_height, impl_->mask_threshold));
    }
    result.objects.push_back(std::move(detection));
  }
  result.speed.postprocess = watch.Lap();
  return result;
}

Detections Detector::Predict(const std::string& path) const {
  Stopwatch watch;
  const Image image = LoadImage(path);
  const double load = watch.Lap();
  Detections result = Predict(image);
  result.speed.load = load;
  return result;
}

const std::string& Detector::head() const {
  return impl_->name;
}
const std::vector<std::string>& Detector::labels() const {
  return impl_->labels;
}
int Detector::width() const {
  return impl_->input.width;
}
int Detector::height() const {
  return impl_->input.height;
}
const InferenceSession& Detector::session() const {
  return impl_->session;
}

Segmenter::Segmenter(const std::string& model_path, const DetectorOptions& options)
    : Segmenter(InferenceSession(model_path, options.session), options) {}
Segmenter::Segmenter(InferenceSession session, const DetectorOptions& options)
    : Detector(std::move(session), options) {
  if (head().find("-seg") == std::string::npos)
    Refuse("A segmenter's outputs are rows and prototypes; this model's head is " + head());
}

}  // namespace ortolan::vision
