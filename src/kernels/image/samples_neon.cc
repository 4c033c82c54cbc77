// Rows of samples for neon.
#include "base/isa.h"
#include "kernels/image/samples_body.h"

namespace ortolan::image {

extern const SampleKernels kSamplesNeon;
constexpr SampleKernels kMade{"neon", kIsaNeon, ToPlanes, Halve, AddRow, MixRows, ResizeRow, BestOfRows};
const SampleKernels kSamplesNeon = kMade;

}  // namespace ortolan::image
