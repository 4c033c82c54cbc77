// Weighted sums of rows for avx512.
#include "kernels/resize/rows_body.h"

namespace ortolan::kernels {

extern const ResizeRows kResizeRowsAvx512;
constexpr ResizeRows kMade{"avx512", Isa::kAvx512, SumRows};
const ResizeRows kResizeRowsAvx512 = kMade;

}  // namespace ortolan::kernels
