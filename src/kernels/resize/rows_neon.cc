// Weighted sums of rows for neon.
#include "base/isa.h"
#include "kernels/resize/rows_body.h"

namespace ortolan::kernels {

extern const ResizeRows kResizeRowsNeon;
constexpr ResizeRows kMade{"neon", kIsaNeon, SumRows};
const ResizeRows kResizeRowsNeon = kMade;

}  // namespace ortolan::kernels
