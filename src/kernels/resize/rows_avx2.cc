// Weighted sums of rows for avx2.
#include "kernels/resize/rows_body.h"

namespace ortolan::kernels {

extern const ResizeRows kResizeRowsAvx2;
constexpr ResizeRows kMade{"avx2", Isa::kAvx2, SumRows};
const ResizeRows kResizeRowsAvx2 = kMade;

}  // namespace ortolan::kernels
