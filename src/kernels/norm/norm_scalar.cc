// Softmax and normalisations for scalar: see norm_body.h and softmax_body.h.
#include "kernels/norm/norm_body.h"
#include "kernels/norm/softmax_body.h"

namespace ortolan::kernels {

extern const NormF32Variant kNormF32Scalar;
constexpr NormF32Variant kMade{"norm_f32_scalar", Isa::kScalar, SoftmaxRows, SoftmaxScores,  SoftmaxBlock,
                               DivideValues,      LargestSize,  CutEnds,     SoftmaxColumns, Affine,
                               AffineEach,        LayerNorm,    Moments};
const NormF32Variant kNormF32Scalar = kMade;

}  // namespace ortolan::kernels
