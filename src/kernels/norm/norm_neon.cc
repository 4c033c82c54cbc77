// Softmax and normalisations for neon: see norm_body.h and softmax_body.h.
#include "base/isa.h"
#include "kernels/norm/norm_body.h"
#include "kernels/norm/softmax_body.h"

namespace ortolan::kernels {

extern const NormF32Variant kNormF32Neon;
constexpr NormF32Variant kMade{"norm_f32_neon", kIsaNeon,    SoftmaxRows, SoftmaxScores,  SoftmaxBlock,
                               DivideValues,    LargestSize, CutEnds,     SoftmaxColumns, Affine,
                               AffineEach,      LayerNorm,   Moments};
const NormF32Variant kNormF32Neon = kMade;

}  // namespace ortolan::kernels
