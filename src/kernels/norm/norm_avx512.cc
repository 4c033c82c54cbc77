// Softmax and normalisations for avx512: see norm_body.h and softmax_body.h.
#include "kernels/norm/norm_body.h"
#include "kernels/norm/softmax_body.h"

namespace ortolan::kernels {

extern const NormF32Variant kNormF32Avx512;
constexpr NormF32Variant kMade{"norm_f32_avx512", Isa::kAvx512, SoftmaxRows, SoftmaxScores,  SoftmaxBlock,
                               DivideValues,      LargestSize,  CutEnds,     SoftmaxColumns, Affine,
                               AffineEach,        LayerNorm,    Moments};
const NormF32Variant kNormF32Avx512 = kMade;

}  // namespace ortolan::kernels
