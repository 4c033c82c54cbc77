// Bare multiply-adds for neon: see peak_body.h.
#include "kernels/peak/peak_body.h"

namespace ortolan::kernels {

extern double (*const kFmaChainsNeon)(long turns, float start, float* sink);
double (*const kFmaChainsNeon)(long turns, float start, float* sink) = FmaChains;

}  // namespace ortolan::kernels
