// Pictures in, names out.
//
//   ortolan::vision::Classifier classifier("objects.onnx");
//   auto result = classifier.Predict(ortolan::vision::LoadImage("picture.jpg"));
//   std::cout << result.top[0].label << ' ' << result.top[0].probability << '\n';
//
//   ortolan::vision::Detector detector("detector.onnx");
//   auto image = ortolan::vision::LoadImage("picture.jpg");
//   ortolan::vision::Draw(image, detector.Predict(image));
//   ortolan::vision::SaveImage(image, "found.jpg");
//
// Functions throw ortolan::Exception: kNoSuchFile for a missing file, kInvalidArgument for a picture that is
// broken or of an unknown format, and what InferenceSession throws.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ortolan/export.h"
#include "ortolan/session.h"

namespace ortolan::vision {

// 8-bit RGB, rows from the top, no padding.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> pixels;  // height * width * 3

  const uint8_t* row(int y) const { return pixels.data() + static_cast<size_t>(y) * width * 3; }
  uint8_t* row(int y) { return pixels.data() + static_cast<size_t>(y) * width * 3; }
};

// A BMP, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP picture, in the colours that Pillow's `convert("RGB")`
// gives. EXIF rotation is not applied.
ORTOLAN_EXPORT Image LoadImage(const std::string& path);
ORTOLAN_EXPORT Image LoadImage(std::span<const std::byte> bytes);

// A JPEG, PNG or WebP file, by the ending of the path: .jpg, .jpeg, .png or .webp.
ORTOLAN_EXPORT void SaveImage(const Image& image, const std::string& path);

// Equal to Pillow's `resize((width, height), BILINEAR)` to the last bit.
ORTOLAN_EXPORT Image Resize(const Image& image, int width, int height);

// Channels first, each sample divided by 255: an array of shape (1, 3, height, width).
ORTOLAN_EXPORT Array ToTensor(const Image& image);

// Milliseconds that each phase took.
struct Speed {
  double load = 0;  // reading and decoding the file; 0 for pictures that were given decoded
  double preprocess = 0;
  double inference = 0;
  double postprocess = 0;
};

struct ClassProbability {
  int class_id = 0;
  std::string label;
  float probability = 0;
};

struct Classification {
  std::vector<ClassProbability> top;  // the most probable first; of equals the lower class_id
  std::vector<float> probabilities;   // of all classes
  Speed speed;
};

// What is left unset is read from the model's metadata (names, imgsz, task, author), and where that is silent
// it is what torchvision's classifiers use: 224 x 224 pixels, ImageNet's mean and deviation, softmax.
struct ClassifierOptions {
  SessionOptions session;
  std::vector<std::string> labels;  // by class; none: the model's, else "class_0", "class_1", ...
  int width = 0;                    // for models that leave their input's size open
  int height = 0;
  std::optional<std::array<float, 3>> mean;
  std::optional<std::array<float, 3>> deviation;
  std::optional<bool> softmax;
};

class ORTOLAN_EXPORT Classifier {
 public:
  explicit Classifier(const std::string& model_path, const ClassifierOptions& options = {});
  // Of a model that is loaded already; options.session has no effect.
  explicit Classifier(InferenceSession session, const ClassifierOptions& options = {});
  ~Classifier();
  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;

  // The `most` most probable classes. Safe to call from several threads at once.
  Classification Predict(const Image& image, size_t most = 5) const;
  Classification Predict(const std::string& path, size_t most = 5) const;

  const std::vector<std::string>& labels() const;
  int width() const;  // of the model's input
  int height() const;
  const InferenceSession& session() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Edges in pixels of the picture, from its left and upper edge.
struct Box {
  float left = 0;
  float top = 0;
  float right = 0;
  float bottom = 0;
};

// Which pixels of its box an instance covers: 255 or 0, rows from the top.
struct Mask {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> pixels;  // height * width
};

struct Detection {
  int class_id = 0;
  std::string label;
  float score = 0;
  Box box;
  Mask mask;  // of segmenters; its upper left pixel is that in which the box's corner lies
};

struct Detections {
  std::vector<Detection> objects;  // the most certain first
  Speed speed;
};

// What is left unset is read from the model's metadata (names, imgsz), and where that is silent it is 640 x
// 640 pixels.
struct DetectorOptions {
  SessionOptions session;
  std::vector<std::string> labels;  // by class; none: the model's, else "class_0", "class_1", ...
  int width = 0;                    // for models that leave their input's size open
  int height = 0;
  float confidence = 0.25F;  // least score
  float overlap = 0.45F;  // of two boxes of one class that overlap by more, the less certain one is dropped
  size_t most = 300;      // objects in a picture
};

// Of the YOLO family: the output (1, 4 + classes, cells) holds centre, width and height in input pixels, then
// a score for each class. The picture is scaled to fit the input and surrounded with grey.
class ORTOLAN_EXPORT Detector {
 public:
  explicit Detector(const std::string& model_path, const DetectorOptions& options = {});
  // Of a model that is loaded already; options.session has no effect.
  explicit Detector(InferenceSession session, const DetectorOptions& options = {});
  ~Detector();
  Detector(Detector&&) noexcept;
  Detector& operator=(Detector&&) noexcept;

  // Safe to call from several threads at once.
  Detections Predict(const Image& image) const;
  Detections Predict(const std::string& path) const;

  const std::vector<std::string>& labels() const;
  int width() const;  // of the model's input
  int height() const;
  const InferenceSession& session() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Draws a frame around each object, with its label and score; the most certain ones on top.
ORTOLAN_EXPORT void Draw(Image& image, const Detections& detections);
// Writes the most probable classes into the upper left corner.
ORTOLAN_EXPORT void Draw(Image& image, const Classification& classification);

enum class Task { kClassify, kDetect };
// What a model is for, by its metadata's `task`, else by the rank of its output.
ORTOLAN_EXPORT Task RecognizeTask(const InferenceSession& session);

}  // namespace ortolan::vision
