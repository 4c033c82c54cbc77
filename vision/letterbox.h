// Fits a picture into a detector's input: the whole of it, scaled by one factor, in the middle of a grey
// field. Internal.
#pragma once

#include <memory>
#include <span>

#include "base/status.h"
#include "vision/image.h"

namespace ortolan::vision {

// The grey around the picture, as the YOLO family is trained with.
inline constexpr uint8_t kLetterboxGrey = 114;

// Where a picture comes to lie in a field: input = original * scale + (left, top).
struct Letterbox {
  double scale = 1;
  int width = 0;  // of the scaled picture
  int height = 0;
  int left = 0;
  int top = 0;
};

// kInvalidArgument where the picture is so narrow that nothing of it would be left.
Result<Letterbox> FitInto(int picture_width, int picture_height, int width, int height);

// Writes the field, channels first, each sample divided by 255: 3 * width * height floats. One pass over the
// picture: no scaled copy of it is kept, only the few rows that the filter spans. Equal to ShrinkToSize,
// pasting and ToTensor to the last bit.
Status LetterboxToPlanes(const ImageView& image, const Letterbox& place, int width, int height,
                         std::span<float> planes);

// The same for a picture whose rows are still being decoded: each is read while a cache still holds it. The
// size of `planes` has been checked.
class LetterboxRows {
 public:
  // `image` has its size, and room for its pixels.
  LetterboxRows(const ImageView& image, const Letterbox& place, int width, int height,
                std::span<float> planes);
  ~LetterboxRows();
  LetterboxRows(const LetterboxRows&) = delete;
  LetterboxRows& operator=(const LetterboxRows&) = delete;

  // Writes what hangs on the first `rows` rows of the picture alone, and is not written yet.
  void Take(int rows);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ortolan::vision
