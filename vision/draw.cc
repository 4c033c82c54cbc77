#include "vision/draw.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vision/image.h"

namespace ortolan::vision {
namespace {

constexpr Color kBlack = {0, 0, 0}, kWhite = {255, 255, 255};

// A shorter side of 480 pixels gets letters of 14 and frames of 2: readable, and as fine as can be seen.
int TextPixels(const Image& image) {
  return std::clamp(static_cast<int>(std::min(image.width, image.height) * 0.03), 12, 96);
}
int FramePixels(const Image& image) {
  return std::clamp(static_cast<int>(std::lround((image.width + image.height) * 0.0018)), 2, 24);
}

void Fill(Image& image, int left, int top, int right, int bottom, const Color& color) {
  left = std::clamp(left, 0, image.width), right = std::clamp(right, 0, image.width);
  top = std::clamp(top, 0, image.height), bottom = std::clamp(bottom, 0, image.height);
  for (int y = top; y < bottom; ++y)
    for (int x = left; x < right; ++x)
      std::copy_n(color.data(), 3, image.row(y) + static_cast<size_t>(x) * 3);
}

Status CheckMask(const Mask& mask) {
  const bool fits =
      mask.width >= 0 && mask.height >= 0 &&
      static_cast<uint64_t>(mask.width) * static_cast<uint64_t>(mask.height) == mask.pixels.size();
  return fits ? OkStatus()
              : InvalidArgument("mask of {} x {} pixels has {} bytes", mask.width, mask.height,
                                mask.pixels.size());
}

// Half of the picture, half of the colour, where the mask is set.
void Tint(Image& image, int left, int top, const Mask& mask, const Color& color) {
  const int width = std::min(mask.width, image.width - left),
            height = std::min(mask.height, image.height - top);
  for (int y = 0; y < height; ++y) {
    const uint8_t* inside = mask.pixels.data() + static_cast<size_t>(y) * mask.width;
    uint8_t* out = image.row(top + y) + static_cast<size_t>(left) * 3;
    for (int x = 0; x < width; ++x, out += 3)
      for (size_t c = 0; inside[x] != 0 && c < 3; ++c) out[c] = static_cast<uint8_t>((out[c] + color[c]) / 2);
  }
}

// A coordinate of any model, NaN too, as a pixel of the picture.
int Pixel(float value, int limit) {
  return value > 0 ? static_cast<int>(std::min(std::round(value), static_cast<float>(limit))) : 0;
}

// A filled square around each step of a line.
void DrawLine(Image& image, const Corner& from, const Corner& to, int thick, const Color& color) {
  const float limit = static_cast<float>(image.width) + static_cast<float>(image.height);
  const auto inside = [&](const Corner& corner) {
    return std::abs(corner.x) <= limit && std::abs(corner.y) <= limit;  // false for NaN
  };
  if (!inside(from) || !inside(to)) return;
  const float reach = std::max(std::abs(to.x - from.x), std::abs(to.y - from.y));
  const int steps = std::max(1, static_cast<int>(reach));
  for (int i = 0; i <= steps; ++i) {
    const float share = static_cast<float>(i) / static_cast<float>(steps);
    const int x = static_cast<int>(from.x + (to.x - from.x) * share) - thick / 2,
              y = static_cast<int>(from.y + (to.y - from.y) * share) - thick / 2;
    Fill(image, x, y, x + thick, y + thick, color);
  }
}

void DrawTurned(Image& image, const std::vector<Corner>& corners, int thick, const Color& color) {
  for (size_t i = 0; i < corners.size(); ++i)
    DrawLine(image, corners[i], corners[(i + 1) % corners.size()], thick, color);
}

void DrawKeypoints(Image& image, const std::vector<Keypoint>& keypoints, int thick, const Color& color) {
  for (const Keypoint& point : keypoints) {
    if (!(point.certainty >= 0.5F)) continue;
    const int x = Pixel(point.x, image.width), y = Pixel(point.y, image.height);
    Fill(image, x - 2 * thick, y - 2 * thick, x + 2 * thick, y + 2 * thick, kBlack);
    Fill(image, x - thick - 1, y - thick - 1, x + thick + 1, y + thick + 1, color);
  }
}

// Whichever of black and white is easier to read on `color`, by its perceived brightness.
Color InkOn(const Color& color) {
  return color[0] * 299 + color[1] * 587 + color[2] * 114 > 140 * 1000 ? kBlack : kWhite;
}

// A line of text on a filled strip whose upper left corner is (left, top), moved so that it lies in the
// picture.
void DrawStrip(Image& image, Font& font, int left, int top, const std::string& text, const Color& color) {
  const int margin = std::max(2, font.ascent() / 5);
  const int width = font.Width(text) + 2 * margin, height = font.ascent() + font.descent();
  left = std::max(0, std::min(left, image.width - width));
  Fill(image, left, top, left + width, top + height, color);
  font.Draw(image, left + margin, top + font.ascent(), text, InkOn(color));
}

}  // namespace

Color ColorOf(int class_id) {
  // Steps by the golden ratio come back to the same hue last; every third class is paler.
  const double turn = 0.02 + class_id * 0.61803398875;
  const double hue = (turn - std::floor(turn)) * 6;
  const double saturation = class_id % 3 == 2 ? 0.55 : 0.85, value = 0.98;
  Color color{};
  for (size_t c = 0; c < 3; ++c) {
    // Each primary is full for a third of the circle and fades over a sixth to either side.
    double apart = std::abs(hue - static_cast<double>(2 * c));
    apart = std::min(apart, 6 - apart);
    const double share = std::clamp(2 - apart, 0.0, 1.0);
    color[c] = static_cast<uint8_t>(std::lround(255 * value * (1 - saturation * (1 - share))));
  }
  return color;
}

std::string Caption(const std::string& label, float score) {
  return fmt::format("{} {:.2f}", label, score);
}

Status DrawMarkings(Image& image, std::span<const Marking> markings) {
  ORTOLAN_RETURN_IF_ERROR(CheckImage(image));
  for (const Marking& marking : markings) ORTOLAN_RETURN_IF_ERROR(CheckMask(marking.mask));
  ORTOLAN_ASSIGN_OR_RETURN(Font font, Font::Open(TextPixels(image)));
  const int frame = FramePixels(image);
  for (const Marking& marking : markings) {
    if (marking.mask.pixels.empty()) continue;
    // Boxes round to the nearest pixel, masks begin where their box's corner was cut to.
    const auto whole = [](float edge, int limit) { return Pixel(std::floor(edge), limit); };
    Tint(image, whole(marking.box.left, image.width), whole(marking.box.top, image.height), marking.mask,
         marking.color);
  }
  for (size_t i = markings.size(); i-- > 0;) {
    const Marking& marking = markings[i];
    const int left = Pixel(marking.box.left, image.width), right = Pixel(marking.box.right, image.width);
    const int top = Pixel(marking.box.top, image.height), bottom = Pixel(marking.box.bottom, image.height);
    DrawKeypoints(image, marking.keypoints, frame, marking.color);
    if (!marking.corners.empty()) {
      DrawTurned(image, marking.corners, frame, marking.color);
      continue;
    }
    if (right <= left || bottom <= top) continue;
    Fill(image, left, top, right, std::min(bottom, top + frame), marking.color);
    Fill(image, left, std::max(top, bottom - frame), right, bottom, marking.color);
    Fill(image, left, top, std::min(right, left + frame), bottom, marking.color);
    Fill(image, std::max(left, right - frame), top, right, bottom, marking.color);
  }
  // After all frames, so that none crosses a caption.
  for (size_t i = markings.size(); i-- > 0;) {
    const Marking& marking = markings[i];
    if (marking.caption.empty()) continue;
    const int height = font.ascent() + font.descent();
    const int top = Pixel(marking.box.top, image.height), left = Pixel(marking.box.left, image.width);
    DrawStrip(image, font, left, top >= height ? top - height : std::min(top, image.height - height),
              marking.caption, marking.color);
  }
  return OkStatus();
}

Status TintClasses(Image& image, std::span<const uint16_t> classes, int width, int height) {
  ORTOLAN_RETURN_IF_ERROR(CheckImage(image));
  if (width != image.width || height != image.height || classes.size() * 3 != image.pixels.size())
    return InvalidArgument("a map of {} x {} pixels does not fit a picture of {} x {}", width, height,
                           image.width, image.height);
  // Neighbours mostly are of one class.
  uint16_t last = 0;
  Color color = ColorOf(last);
  for (size_t i = 0; i < classes.size(); ++i) {
    if (classes[i] == 0) continue;
    if (classes[i] != last) color = ColorOf(last = classes[i]);
    for (size_t c = 0; c < 3; ++c)
      image.pixels[i * 3 + c] = static_cast<uint8_t>((image.pixels[i * 3 + c] + color[c]) / 2);
  }
  return OkStatus();
}

Status DrawLines(Image& image, std::span<const std::string> lines) {
  ORTOLAN_RETURN_IF_ERROR(CheckImage(image));
  ORTOLAN_ASSIGN_OR_RETURN(Font font, Font::Open(TextPixels(image)));
  int top = 0;
  for (const std::string& line : lines) {
    DrawStrip(image, font, 0, top, line, kBlack);
    top += font.ascent() + font.descent();
  }
  return OkStatus();
}

}  // namespace ortolan::vision
