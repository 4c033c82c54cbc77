// The rows of Pillow's resampling, from which resize.cc makes whole pictures and letterbox.cc makes input
// planes. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/function_ref.h"
#include "kernels/image/samples.h"
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

// The best kernels of this machine.
const image::SampleKernels& Kernels();

// One row of `in_width` RGB pixels to `out_width` pixels.
void ResizeRow(const uint8_t* in, int in_width, uint8_t* out, int out_width, const Filter& filter);

// Four million samples take a thread about half a millisecond, a hundred times what sharing them costs.
inline constexpr uint64_t kFewSamples = uint64_t{1} << 22;

// Calls body(first, last) for ranges of `count` rows, which together hold `samples` samples: in several
// threads where these are many. Borders depend on the numbers alone, and no row on its range.
void ForRows(int count, uint64_t samples, FunctionRef<void(int, int)> body);

// The largest whole factor that leaves at least the target size: what a picture is reduced by before it is
// resized.
int ReductionFactor(int in_width, int in_height, int width, int height);

// Row y of the picture reduced by `factor`; `sums` is room for 3 * image.width numbers.
void ReduceRow(const ImageView& image, int factor, int y, uint32_t* sums, uint8_t* out);

}  // namespace ortolan::vision
