// The detector's pipeline.
#include <algorithm>

#include "vision/image.h"
#include "vision/letterbox.h"
#include "vision/model_facts.h"
#include "vision/throwing.h"
#include "vision/yolo.h"

namespace ortolan::vision {
namespace {

constexpr int kUsualSide = 640;

// The classes of an output (1, 4 + classes, cells); -1 where the model does not say. Some exporters swap the
// last two axes' names, never the axes, so that the shorter one is that of the classes.
int64_t CountClasses(const InferenceSession& session) {
  const std::vector<int64_t>& shape = session.outputs().front().shape;
  if (shape.size() != 3) return -1;
  return shape[1] >= 5 ? shape[1] - 4 : -1;
}

}  // namespace

struct Detector::Impl {
  Impl(InferenceSession loaded, const DetectorOptions& given)
      : session(std::move(loaded)),
        input(ReadPictureInput(session, "detector", given.width, given.height, kUsualSide)),
        limits{given.confidence, given.overlap, given.most},
        labels(ReadLabels(session, given.labels, CountClasses(session))) {
    const size_t rank = session.outputs().front().shape.size();
    if (rank != 0 && rank != 3 && rank != 2)
      Refuse("A detector's output has the shape (1, 4 + classes, cells); " + session.outputs().front().name +
             " has " + std::to_string(rank) + " dimensions");
  }

  InferenceSession session;
  PictureInput input;
  YoloLimits limits;
  std::vector<std::string> labels;
};

Detector::Detector(const std::string& model_path, const DetectorOptions& options)
    : Detector(InferenceSession(model_path, options.session), options) {}
Detector::Detector(InferenceSession session, const DetectorOptions& options)
    : impl_(std::make_unique<Impl>(std::move(session), options)) {}
Detector::~Detector() = default;
Detector::Detector(Detector&&) noexcept = default;
Detector& Detector::operator=(Detector&&) noexcept = default;

Detections Detector::Predict(const Image& image) const {
  Detections result;
  Stopwatch watch;
  ThrowIfError(CheckImage(image));
  const PictureInput& to = impl_->input;
  const Letterbox place = OrThrow(FitInto(image.width, image.height, to.width, to.height));
  Array planes(ElementType::kFloat, {1, 3, to.height, to.width});
  ThrowIfError(LetterboxToPlanes(image, place, to.width, to.height, planes.Items<float>()));
  const Array input = ToInputType(std::move(planes), to.half);
  result.speed.preprocess = watch.Lap();
  const Array output = impl_->session.Run({{to.name, input}}).front();
  result.speed.inference = watch.Lap();
  std::vector<int64_t> shape = output.shape();
  if (shape.size() == 3 && shape[0] == 1) shape.erase(shape.begin());
  if (shape.size() != 2 || shape[0] < 5) {
    std::string text;
    for (const int64_t size : output.shape()) text += (text.empty() ? "" : ", ") + std::to_string(size);
    Refuse("A detector's output has the shape (1, 4 + classes, cells), this is (" + text + ")");
  }
  std::vector<float> room;
  const std::span<const float> values = AsFloats(output, room);
  for (const ScoredBox& found :
       DecodeYolo(values, static_cast<size_t>(shape[0] - 4), static_cast<size_t>(shape[1]), place,
                  image.width, image.height, impl_->limits))
    result.objects.push_back(
        {found.class_id, LabelOf(impl_->labels, found.class_id), found.score, found.box});
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

Task RecognizeTask(const InferenceSession& session) {
  const std::string told = Lower(Metadata(session, "task"));
  if (told == "detect") return Task::kDetect;
  if (told == "classify") return Task::kClassify;
  if (!told.empty()) Refuse("The model's task is '" + told + "', expected 'classify' or 'detect'");
  return !session.outputs().empty() && session.outputs().front().shape.size() == 3 ? Task::kDetect
                                                                                   : Task::kClassify;
}

}  // namespace ortolan::vision
