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

// A joint, an eye: where it is in the picture, and how certain that is (1 where the model does not say).
struct Keypoint {
  float x = 0;
  float y = 0;
  float certainty = 1;
};

struct Corner {
  float x = 0;
  float y = 0;
};

struct Detection {
  int class_id = 0;
  std::string label;
  float score = 0;
  Box box;
  Mask mask;  // of segmenters; its upper left pixel is that in which the box's corner lies
  std::vector<Keypoint> keypoints;  // of pose models
  std::vector<Corner> corners;      // of turned boxes: four, around which `box` is the upright one
  float angle = 0;                  // of turned boxes, in radians, clockwise
};

struct Detections {
  std::vector<Detection> objects;  // the most certain first
  Speed speed;
};

// What is left unset is read from the model's metadata (names, imgsz), and where that is silent it is 640 x
// 640 pixels.
struct DetectorOptions {
  SessionOptions session;
  std::string head;                 // what the outputs mean; empty: told from their shapes and the metadata
  std::vector<std::string> labels;  // by class; none: the model's, else "class_0", "class_1", ...
  int width = 0;                    // for models that leave their input's size open
  int height = 0;
  float confidence = 0.25F;  // least score
  float overlap = 0.45F;  // of two boxes of one class that overlap by more, the less certain one is dropped
  size_t most = 300;      // objects in a picture
  float mask_threshold = 0.5F;  // what a pixel of a mask has to reach, of 0 to 1
};

// Finds objects, and their shapes, keypoints or turned boxes where the model has them. Heads:
//   yolov8       (1, 4 + classes, cells): YOLOv8 to v12; yolov8-seg, -pose and -obb with what they add
//   yolov5       (1, cells, 5 + classes): YOLOv5 and v7; yolov5-seg
//   end2end      (1, n, 6): YOLOv10, and exports with suppression inside; end2end-seg, -pose and -obb
//   rtdetr       (1, n, 4 + classes), or boxes and logits (1, n, classes) apart
//   detr         boxes and logits (1, n, classes + 1)
//   boxes        boxes (n, 4), labels (n) and scores (n): torchvision's SSD, RetinaNet and R-CNNs
// Throws kInvalidArgument where the outputs fit none or several of them.
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

  const std::string& head() const;  // one of the names above, "yolo" for yolov8
  const std::vector<std::string>& labels() const;
  int width() const;  // of the model's input
  int height() const;
  const InferenceSession& session() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A Detector whose objects have masks; throws kInvalidArgument for a model that makes none.
class ORTOLAN_EXPORT Segmenter : public Detector {
 public:
  explicit Segmenter(const std::string& model_path, const DetectorOptions& options = {});
  explicit Segmenter(InferenceSession session, const DetectorOptions& options = {});
};

// An object of the detector, and what the classifier calls it.
struct ClassifiedDetection : Detection {
  std::vector<ClassProbability> kinds;  // the most probable first
};

struct ClassifiedDetections {
  std::vector<ClassifiedDetection> objects;  // the most certain first
  Speed speed;
};

struct DetectClassifyOptions {
  SessionOptions session;
  std::vector<std::string> labels;  // by the detector's class; none: the file's, else "class_0", ...
  std::vector<std::string> classifier_labels;  // by the classifier's class; the same
  float confidence = 0;  // least score; below that which the file was made with it changes nothing
  size_t top = 5;        // how many of the classifier's classes to list
};

// Finds objects and names each with a second model, both in one file, as `ortolan.vision.compose` or
// ort-vision-sdk's makes it; where a segmenter stands between the two, objects have masks. Throws
// kInvalidArgument for another model, and where inputs or outputs do not fit what the file says of itself.
class ORTOLAN_EXPORT DetectClassify {
 public:
  explicit DetectClassify(const std::string& model_path, const DetectClassifyOptions& options = {});
  // Of a model that is loaded already; options.session has no effect.
  explicit DetectClassify(InferenceSession session, const DetectClassifyOptions& options = {});
  ~DetectClassify();
  DetectClassify(DetectClassify&&) noexcept;
  DetectClassify& operator=(DetectClassify&&) noexcept;

  // Safe to call from several threads at once.
  ClassifiedDetections Predict(const Image& image) const;
  ClassifiedDetections Predict(const std::string& path) const;

  const std::vector<std::string>& labels() const;  // of the detector
  const std::vector<std::string>& classifier_labels() const;
  int width() const;  // of the model's input
  int height() const;
  const InferenceSession& session() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A class for each pixel of the picture, rows from the top.
struct ClassMap {
  int width = 0;
  int height = 0;
  std::vector<uint16_t> classes;    // height * width
  std::vector<std::string> labels;  // by class; may be empty
  Speed speed;
};

// What is left unset is read from the model's metadata, and where that is silent it is 520 x 520 pixels, with
// ImageNet's mean and deviation.
struct SemanticOptions {
  SessionOptions session;
  std::vector<std::string> labels;
  int width = 0;  // for models that leave their input's size open
  int height = 0;
  std::optional<std::array<float, 3>> mean;
  std::optional<std::array<float, 3>> deviation;
};

// Labels pixels: one output (1, classes, h, w) of logits, as torchvision's DeepLab, FCN and LR-ASPP have it,
// or of classes, integers (1, h, w).
class ORTOLAN_EXPORT SemanticSegmenter {
 public:
  explicit SemanticSegmenter(const std::string& model_path, const SemanticOptions& options = {});
  explicit SemanticSegmenter(InferenceSession session, const SemanticOptions& options = {});
  ~SemanticSegmenter();
  SemanticSegmenter(SemanticSegmenter&&) noexcept;
  SemanticSegmenter& operator=(SemanticSegmenter&&) noexcept;

  // Safe to call from several threads at once.
  ClassMap Predict(const Image& image) const;
  ClassMap Predict(const std::string& path) const;

  const std::vector<std::string>& labels() const;
  int width() const;  // of the model's input
  int height() const;
  const InferenceSession& session() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Draws a frame around each object, with its label and score, its mask and its keypoints; the most certain
// ones on top.
ORTOLAN_EXPORT void Draw(Image& image, const Detections& detections);
// The same, with what the classifier calls each object.
ORTOLAN_EXPORT void Draw(Image& image, const ClassifiedDetections& detections);
// Writes the most probable classes into the upper left corner.
ORTOLAN_EXPORT void Draw(Image& image, const Classification& classification);

// Tints the pixels of each class but 0, which is the background.
ORTOLAN_EXPORT void Draw(Image& image, const ClassMap& map);

enum class Task { kClassify, kDetect, kSegment, kLabelPixels, kDetectClassify };
// What a model is for, by its metadata, else by its outputs.
ORTOLAN_EXPORT Task RecognizeTask(const InferenceSession& session);

// What a model expects and answers, in words: its task, the picture's way into it, what its outputs mean, its
// classes.
ORTOLAN_EXPORT std::string Describe(const InferenceSession& session);

}  // namespace ortolan::vision
