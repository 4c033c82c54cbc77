// The classifier's pipeline.
#include "vision/image.h"
#include "vision/model_facts.h"
#include "vision/scores.h"
#include "vision/throwing.h"

namespace ortolan::vision {
namespace {

constexpr int kUsualSide = 224;

// Such a model takes samples in 0..1 and ends in a softmax.
bool IsUltralyticsClassifier(const InferenceSession& session) {
  return Lower(Metadata(session, "author")) == "ultralytics" &&
         Lower(Metadata(session, "task")) == "classify";
}

}  // namespace

struct Classifier::Impl {
  Impl(InferenceSession loaded, const ClassifierOptions& options)
      : session(std::move(loaded)),
        input(ReadPictureInput(session, "classifier", options.width, options.height, kUsualSide)) {
    const bool ultralytics = IsUltralyticsClassifier(session);
    constexpr std::array<float, 3> kZeros = {0, 0, 0}, kOnes = {1, 1, 1};
    mean = options.mean.value_or(ultralytics ? kZeros : kImagenetMean);
    deviation = options.deviation.value_or(ultralytics ? kOnes : kImagenetDeviation);
    softmax = options.softmax.value_or(!ultralytics);
    const std::vector<int64_t>& shape = session.outputs().front().shape;
    labels = ReadLabels(session, options.labels, shape.empty() ? -1 : shape.back());
  }

  Array MakeInput(const Image& image) const {
    const Image small = OrThrow(ShrinkToSize(image, input.width, input.height));
    Array floats(ElementType::kFloat, {1, 3, input.height, input.width});
    NormalizeToPlanes(small, mean, deviation, floats.Items<float>());
    return ToInputType(std::move(floats), input.half);
  }

  InferenceSession session;
  PictureInput input;
  std::array<float, 3> mean{};
  std::array<float, 3> deviation{};
  bool softmax = true;
  std::vector<std::string> labels;
};

Classifier::Classifier(const std::string& model_path, const ClassifierOptions& options)
    : Classifier(InferenceSession(model_path, options.session), options) {}
Classifier::Classifier(InferenceSession session, const ClassifierOptions& options)
    : impl_(std::make_unique<Impl>(std::move(session), options)) {}
Classifier::~Classifier() = default;
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;

Classification Classifier::Predict(const Image& image, size_t most) const {
  Classification result;
  Stopwatch watch;
  const Array input = impl_->MakeInput(image);
  result.speed.preprocess = watch.Lap();
  const std::vector<Array> outputs = impl_->session.Run({{impl_->input.name, input}});
  result.speed.inference = watch.Lap();
  std::vector<float> room;
  const std::span<const float> values = AsFloats(outputs.front(), room);
  result.probabilities.assign(values.begin(), values.end());
  if (impl_->softmax) Softmax(result.probabilities);
  for (const int id : TopK(result.probabilities, most))
    result.top.push_back({id, LabelOf(impl_->labels, id), result.probabilities[id]});
  result.speed.postprocess = watch.Lap();
  return result;
}

Classification Classifier::Predict(const std::string& path, size_t most) const {
  Stopwatch watch;
  const Image image = LoadImage(path);
  const double load = watch.Lap();
  Classification result = Predict(image, most);
  result.speed.load = load;
  return result;
}

const std::vector<std::string>& Classifier::labels() const {
  return impl_->labels;
}
int Classifier::width() const {
  return impl_->input.width;
}
int Classifier::height() const {
  return impl_->input.height;
}
const InferenceSession& Classifier::session() const {
  return impl_->session;
}

}  // namespace ortolan::vision
