// Masks of instances: what a segmenter's prototypes and an instance's coefficients say about the pixels of
// its box. Stands after yolo.h, which finds the boxes. Internal.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "ortolan/vision.h"
#include "vision/image.h"
#include "vision/letterbox.h"

namespace ortolan::vision {

// `count` planes of `height` rows of `width` numbers, which cover the model's whole input.
struct Prototypes {
  std::span<const float> values;
  size_t count = 0;
  int height = 0;
  int width = 0;
};

// The mask of one instance at the size of its box, corners cut to whole pixels: 255 where the prototypes,
// weighted with the instance's coefficients, reach `threshold` after a sigmoid. `coefficients` has
// prototypes.count numbers, `stride` apart. Single precision in this order, so that answers equal those of
// the Python packages that people compare with; only the order of the weighted sum is free there.
Result<Mask> DecodeMask(const Prototypes& prototypes, const float* coefficients, size_t stride,
                        const Box& box, const Letterbox& place, int input_width, int input_height,
                        float threshold);

// The pixels of the picture under the box where the mask is set; the others are black. Cut to what mask and
// picture share.
Image CutOut(const ImageView& picture, const Box& box, const Mask& mask);

}  // namespace ortolan::vision
