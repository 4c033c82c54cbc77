// Bare multiply-adds for scalar: see peak_body.h.
#include "kernels/peak/peak_body.h"

namespace ortolan::kernels {

extern double (*const kFmaChainsScalar)(long turns, float start, float* sink);
double (*const kFmaChainsScalar)(long turns, float start, float* sink) = FmaChains;

}  // namespace ortolan::kernels
