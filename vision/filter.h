// The rows of Pillow's resampling, from which resize.cc makes whole pictures and letterbox.cc makes input
// planes. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/image.h"

namespace ortolan::vision {

// For each output position: the first input position that it reads and the weights from there on.
struct Filter {
  int taps = 0;  // weights kept for each position; those past count[i] are zero
  std::vector<int> first;
  std::vector<int> count;
  std::vector<int32_t> weights;

  const int32_t* of(int position) const { return weights.data() + static_cast<size_t>(position) * taps; }
};

// The triangle of Pillow's BILINEAR, wider where the size shrinks.
Filter MakeFilter(int in_size, int out_size);

// Which pass goes first shows in the rounding between them. This is the rule of Pillow 13; older ones always
// began with the width.
bool HeightFirst(int in_width, int in_height, int width, int height);

// One row of RGB pixels to `out_width` pixels.
void ResizeRow(const uint8_t* in, uint8_t* out, int out_width, const Filter& filter);

// `out` = weighted sum of `count` rows of `samples` samples; `sums` is room for as many.
void MixRows(const uint8_t* const* rows, int count, const int32_t* weights, size_t samples, int32_t* sums,
             uint8_t* out);

// The largest whole factor that leaves at least the target size: what a picture is reduced by before it is
// resized.
int ReductionFactor(int in_width, int in_height, int width, int height);

// Row y of the picture reduced by `factor`; `sums` is room for 3 * image.width numbers.
void ReduceRow(const ImageView& image, int factor, int y, uint32_t* sums, uint8_t* out);

}  // namespace ortolan::vision
