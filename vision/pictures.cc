// The picture functions of the public interface: exceptions for Status.
#include "vision/draw.h"
#include "vision/encode.h"
#include "vision/image.h"
#include "vision/scores.h"
#include "vision/throwing.h"

namespace ortolan::vision {
namespace {

Marking MarkingOf(const Detection& object) {
  return {object.box,
          Caption(object.label, object.score),
          ColorOf(object.class_id),
          object.mask,
          object.keypoints,
          object.corners};
}

}  // namespace

Image LoadImage(const std::string& path) {
  return OrThrow(LoadImageFile(path));
}
Image LoadImage(std::span<const std::byte> bytes) {
  return OrThrow(DecodeImage(bytes));
}
void SaveImage(const Image& image, const std::string& path) {
  ThrowIfError(SaveImageFile(image, path));
}
Image Resize(const Image& image, int width, int height) {
  return OrThrow(ResizeBilinear(image, width, height));
}

Array ToTensor(const Image& image) {
  ThrowIfError(CheckImage(image));
  Array array(ElementType::kFloat, {1, 3, image.height, image.width});
  SharesToPlanes(image, array.Items<float>());
  return array;
}

void Draw(Image& image, const Detections& detections) {
  ThrowIfError(CheckImage(image));
  std::vector<Marking> markings;
  for (const Detection& object : detections.objects) markings.push_back(MarkingOf(object));
  ThrowIfError(DrawMarkings(image, markings));
}

void Draw(Image& image, const ClassifiedDetections& detections) {
  ThrowIfError(CheckImage(image));
  std::vector<Marking> markings;
  for (const ClassifiedDetection& object : detections.objects) {
    markings.push_back(MarkingOf(object));
    if (object.kinds.empty()) continue;
    const ClassProbability& best = object.kinds.front();
    markings.back().caption += ": " + Caption(best.label, best.probability);
  }
  ThrowIfError(DrawMarkings(image, markings));
}

void Draw(Image& image, const Classification& classification) {
  ThrowIfError(CheckImage(image));
  std::vector<std::string> lines;
  for (const ClassProbability& entry : classification.top)
    lines.push_back(Caption(entry.label, entry.probability));
  ThrowIfError(DrawLines(image, lines));
}

void Draw(Image& image, const ClassMap& map) {
  ThrowIfError(CheckImage(image));
  ThrowIfError(TintClasses(image, map.classes, map.width, map.height));
}

}  // namespace ortolan::vision
