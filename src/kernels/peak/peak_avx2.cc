// Bare multiply-adds for avx2: see peak_body.h.
#include "kernels/peak/peak_body.h"

namespace ortolan::kernels {

extern double (*const kFmaChainsAvx2)(long turns, float start, float* sink);
double (*const kFmaChainsAvx2)(long turns, float start, float* sink) = FmaChains;

}  // namespace ortolan::kernels
