// The public vision interface: the picture functions with exceptions for Status, and the classifier's
// pipeline.
#include <algorithm>
#include <chrono>

#include "base/half.h"
#include "ortolan/vision.h"
#include "vision/image.h"
#include "vision/literal.h"
#include "vision/scores.h"

namespace ortolan::vision {
namespace {

constexpr std::array<float, 3> kImagenetMean = {0.485F, 0.456F, 0.406F};
constexpr std::array<float, 3> kImagenetDeviation = {0.229F, 0.224F, 0.225F};
constexpr int64_t kUsualSide = 224;

void ThrowIfError(const Status& status) {
  if (!status.ok()) throw Exception(static_cast<ErrorCode>(status.code()), status.message());
}

template <typename T>
T OrThrow(Result<T> result) {
  ThrowIfError(result.status());
  return std::move(*result);
}

[[noreturn]] void Refuse(const std::string& message) {
  throw Exception(ErrorCode::kInvalidArgument, message);
}

class Stopwatch {
 public:
  // Milliseconds since the last call or the start.
  double Lap() {
    const auto now = std::chrono::steady_clock::now();
    const double milliseconds = std::chrono::duration<double, std::milli>(now - last_).count();
    last_ = now;
    return milliseconds;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

std::string Metadata(const InferenceSession& session, const std::string& key) {
  const auto found = session.metadata().find(key);
  return found == session.metadata().end() ? "" : found->second;
}

// Such a model takes samples in 0..1 and ends in a softmax.
bool IsUltralyticsClassifier(const InferenceSession& session) {
  return Lower(Metadata(session, "author")) == "ultralytics" &&
         Lower(Metadata(session, "task")) == "classify";
}

std::vector<float> ToFloats(const Array& array) {
  std::vector<float> floats(array.count());
  switch (array.type()) {
    case ElementType::kFloat:
      std::ranges::copy(array.Items<float>(), floats.begin());
      break;
    case ElementType::kDouble:
      std::ranges::transform(array.Items<double>(), floats.begin(),
                             [](double x) { return static_cast<float>(x); });
      break;
    case ElementType::kFloat16: {
      const auto* halves = static_cast<const uint16_t*>(array.data());
      std::transform(halves, halves + floats.size(), floats.begin(), Float16::ToFloat);
      break;
    }
    default:
      Refuse("The classifier's output is not of a floating type");
  }
  return floats;
}

}  // namespace

Image LoadImage(const std::string& path) {
  return OrThrow(LoadImageFile(path));
}
Image LoadImage(std::span<const std::byte> bytes) {
  return OrThrow(DecodeImage(bytes));
}
Image Resize(const Image& image, int width, int height) {
  return OrThrow(ResizeBilinear(image, width, height));
}

Array ToTensor(const Image& image) {
  ThrowIfError(CheckImage(image));
  Array array(ElementType::kFloat, {1, 3, image.height, image.width});
  const std::span<float> out = array.Items<float>();
  const size_t count = out.size() / 3;
  for (size_t i = 0; i < count; ++i)
    for (size_t c = 0; c < 3; ++c) out[c * count + i] = static_cast<float>(image.pixels[i * 3 + c]) / 255.0F;
  return array;
}

struct Classifier::Impl {
  Impl(const std::string& path, const ClassifierOptions& options) : session(path, options.session) {
    ReadInput(options);
    const bool ultralytics = IsUltralyticsClassifier(session);
    constexpr std::array<float, 3> kZeros = {0, 0, 0}, kOnes = {1, 1, 1};
    mean = options.mean.value_or(ultralytics ? kZeros : kImagenetMean);
    deviation = options.deviation.value_or(ultralytics ? kOnes : kImagenetDeviation);
    softmax = options.softmax.value_or(!ultralytics);
    ReadLabels(options);
  }

  // The input's name, type and size: the graph's where it says them, else the caller's, else the metadata's.
  void ReadInput(const ClassifierOptions& options) {
    if (session.inputs().size() != 1 || session.outputs().empty())
      Refuse("A classifier has one input and an output; this model has " +
             std::to_string(session.inputs().size()) + " inputs and " +
             std::to_string(session.outputs().size()) + " outputs");
    const NodeArg& input = session.inputs().front();
    if (!input.shape.empty() && input.shape.size() != 4)
      Refuse("A classifier's input has 4 dimensions (N, 3, H, W); " + input.name + " has " +
             std::to_string(input.shape.size()));
    if (input.type != "tensor(float)" && input.type != "tensor(float16)")
      Refuse("A classifier's input is tensor(float) or tensor(float16); " + input.name + " is " + input.type);
    if (input.shape.size() == 4 && input.shape[1] > 0 && input.shape[1] != 3)
      Refuse("A classifier's input has 3 channels; " + input.name + " has " + std::to_string(input.shape[1]));
    name = input.name;
    half = input.type == "tensor(float16)";
    const auto sides = ParseIntegers(Metadata(session, "imgsz")).value_or(std::vector<int64_t>{kUsualSide});
    const auto choose = [&](size_t axis, int wanted, int64_t told) {
      const int64_t fixed = input.shape.size() == 4 ? input.shape[axis] : -1;
      const int64_t side = fixed > 0 ? fixed : wanted > 0 ? wanted : told;
      if (side < 1 || side > 1 << 14)
        Refuse("The model's input side of " + std::to_string(side) + " is out of range");
      return static_cast<int>(side);
    };
    height = choose(2, options.height, sides.empty() ? kUsualSide : sides.front());
    width = choose(3, options.width, sides.empty() ? kUsualSide : sides.back());
  }

  void ReadLabels(const ClassifierOptions& options) {
    const std::vector<int64_t>& shape = session.outputs().front().shape;
    const int64_t classes = shape.empty() ? -1 : shape.back();
    if (!options.labels.empty()) {
      if (classes > 0 && static_cast<int64_t>(options.labels.size()) != classes)
        Refuse("Resolved " + std::to_string(options.labels.size()) + " labels but the model has " +
               std::to_string(classes) + " classes");
      labels = options.labels;
    } else if (auto names = ParseNames(Metadata(session, "names"))) {
      labels = std::move(*names);
    }
  }

  Array MakeInput(const Image& image) const {
    const Image small = OrThrow(ShrinkToSize(image, width, height));
    Array input(ElementType::kFloat, {1, 3, height, width});
    NormalizeToPlanes(small, mean, deviation, input.Items<float>());
    if (!half) return input;
    Array halves(ElementType::kFloat16, input.shape());
    std::ranges::transform(input.Items<float>(), static_cast<uint16_t*>(halves.data()), Float16::FromFloat);
    return halves;
  }

  std::string LabelOf(int id) const {
    return static_cast<size_t>(id) < labels.size() ? labels[id] : "class_" + std::to_string(id);
  }

  InferenceSession session;
  std::string name;
  bool half = false;
  int width = 0;
  int height = 0;
  std::array<float, 3> mean{};
  std::array<float, 3> deviation{};
  bool softmax = true;
  std::vector<std::string> labels;
};

Classifier::Classifier(const std::string& model_path, const ClassifierOptions& options)
    : impl_(std::make_unique<Impl>(model_path, options)) {}
Classifier::~Classifier() = default;
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;

Classification Classifier::Predict(const Image& image, size_t most) const {
  Classification result;
  Stopwatch watch;
  const Array input = impl_->MakeInput(image);
  result.speed.preprocess = watch.Lap();
  const std::vector<Array> outputs = impl_->session.Run({{impl_->name, input}});
  result.speed.inference = watch.Lap();
  result.probabilities = ToFloats(outputs.front());
  if (impl_->softmax) Softmax(result.probabilities);
  for (const int id : TopK(result.probabilities, most))
    result.top.push_back({id, impl_->LabelOf(id), result.probabilities[id]});
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
  return impl_->width;
}
int Classifier::height() const {
  return impl_->height;
}
const InferenceSession& Classifier::session() const {
  return impl_->session;
}

}  // namespace ortolan::vision
