// Frames and captions on pictures. Internal.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "ortolan/vision.h"
#include "vision/font.h"

namespace ortolan::vision {

struct Marking {
  Box box;
  std::string caption;  // UTF-8; none where empty
  Color color{};
  Mask mask;  // of the box, from its upper left pixel on; tints the picture where it is set
  std::vector<Keypoint> keypoints;  // dots; those that are less certain than a half are left out
  std::vector<Corner> corners;      // of a turned box, drawn instead of the upright one
};

// Clearly different for neighbouring classes, the same for a class in every picture.
Color ColorOf(int class_id);

// "mug 0.97".
std::string Caption(const std::string& label, float score);

// Frames and captions, sized to the picture; the first marking on top. A caption is above its box where there
// is room, else inside.
Status DrawMarkings(Image& image, std::span<const Marking> markings);

// Tints each pixel whose class is not 0 with the class's colour.
Status TintClasses(Image& image, std::span<const uint16_t> classes, int width, int height);

// Lines of text in the upper left corner.
Status DrawLines(Image& image, std::span<const std::string> lines);

}  // namespace ortolan::vision
