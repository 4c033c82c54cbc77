// Rows of samples for scalar.
#include "kernels/image/samples_body.h"

namespace ortolan::image {

extern const SampleKernels kSamplesScalar;
constexpr SampleKernels kMade{"scalar", Isa::kScalar, ToPlanes,  Halve,
                              AddRow,   MixRows,      ResizeRow, BestOfRows};
const SampleKernels kSamplesScalar = kMade;

}  // namespace ortolan::image
