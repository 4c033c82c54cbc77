// The pipeline of what labels pixels.
#include "vision/decode.h"
#include "vision/image.h"
#include "vision/model_facts.h"
#include "vision/scores.h"
#include "vision/throwing.h"

namespace ortolan::vision {
namespace {

// The side that torchvision's segmenters are trained on.
constexpr int kUsualSide = 520;

}  // namespace

struct SemanticSegmenter::Impl {
  Impl(InferenceSession loaded, const SemanticOptions& options)
      : session(std::move(loaded)),
        input(ReadPictureInput(session, "semantic segmenter", options.width, options.height, kUsualSide)),
        mean(options.mean.value_or(kImagenetMean)),
        deviation(options.deviation.value_or(kImagenetDeviation)) {
    const std::vector<int64_t>& shape = session.outputs().front().shape;
    if (!shape.empty() && shape.size() != 4 && shape.size() != 3)
      Refuse("A semantic segmenter's output is (1, classes, h, w); " + session.outputs().front().name +
             " has " + std::to_string(shape.size()) + " dimensions");
    labels = ReadLabels(session, options.labels, shape.size() == 4 && shape[1] > 1 ? shape[1] : -1);
  }

  InferenceSession session;
  PictureInput input;
  std::array<float, 3> mean, deviation;
  std::vector<std::string> labels;
};

SemanticSegmenter::SemanticSegmenter(const std::string& model_path, const SemanticOptions& options)
    : SemanticSegmenter(InferenceSession(model_path, options.session), options) {}
SemanticSegmenter::SemanticSegmenter(InferenceSession session, const SemanticOptions& options)
    : impl_(std::make_unique<Impl>(std::move(session), options)) {}
SemanticSegmenter::~SemanticSegmenter() = default;
SemanticSegmenter::SemanticSegmenter(SemanticSegmenter&&) noexcept = default;
SemanticSegmenter& SemanticSegmenter::operator=(SemanticSegmenter&&) noexcept = default;

ClassMap SemanticSegmenter::Predict(const Image& image) const {
  ClassMap map;
  Stopwatch watch;
  ThrowIfError(CheckImage(image));
  const PictureInput& to = impl_->input;
  Array floats(ElementType::kFloat, {1, 3, to.height, to.width});
  const Image fitted = OrThrow(ShrinkToSize(image, to.width, to.height));
  NormalizeToPlanes(fitted, impl_->mean, impl_->deviation, floats.Items<float>());
  const Array input = ToInputType(std::move(floats), to.half);
  map.speed.preprocess = watch.Lap();
  const Array array = impl_->session.Run({{to.name, input}}).front();
  map.speed.inference = watch.Lap();
  std::vector<float> room;
  Output output;
  output.shape = array.shape();
  if (array.type() == ElementType::kInt64) {
    output.integers = array.Items<int64_t>();
  } else {
    output.floats = AsFloats(array, room);
  }
  map.width = image.width;
  map.height = image.height;
  map.classes = OrThrow(DecodeClassMap(output, image.width, image.height));
  map.labels = impl_->labels;
  map.speed.postprocess = watch.Lap();
  return map;
}

ClassMap SemanticSegmenter::Predict(const std::string& path) const {
  Stopwatch watch;
  const Image image = LoadImage(path);
  const double load = watch.Lap();
  ClassMap map = Predict(image);
  map.speed.load = load;
  return map;
}

const std::vector<std::string>& SemanticSegmenter::labels() const {
  return impl_->labels;
}
int SemanticSegmenter::width() const {
  return impl_->input.width;
}
int SemanticSegmenter::height() const {
  return impl_->input.height;
}
const InferenceSession& SemanticSegmenter::session() const {
  return impl_->session;
}

}  // namespace ortolan::vision
