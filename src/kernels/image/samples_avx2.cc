// Rows of samples for avx2.
#include "kernels/image/samples_body.h"

namespace ortolan::image {

extern const SampleKernels kSamplesAvx2;
constexpr SampleKernels kMade{"avx2", Isa::kAvx2, ToPlanes, Halve, AddRow, MixRows, ResizeRow, BestOfRows};
const SampleKernels kSamplesAvx2 = kMade;

}  // namespace ortolan::image
