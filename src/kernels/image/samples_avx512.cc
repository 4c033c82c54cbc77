// Rows of samples for avx512.
#include "kernels/image/samples_body.h"

namespace ortolan::image {

extern const SampleKernels kSamplesAvx512;
constexpr SampleKernels kMade{"avx512", Isa::kAvx512, ToPlanes,  Halve,
                              AddRow,   MixRows,      ResizeRow, BestOfRows};
const SampleKernels kSamplesAvx512 = kMade;

}  // namespace ortolan::image
