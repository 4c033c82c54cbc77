// Weighted sums of rows for scalar.
#include "kernels/resize/rows_body.h"

namespace ortolan::kernels {

extern const ResizeRows kResizeRowsScalar;
constexpr ResizeRows kMade{"scalar", Isa::kScalar, SumRows};
const ResizeRows kResizeRowsScalar = kMade;

}  // namespace ortolan::kernels
