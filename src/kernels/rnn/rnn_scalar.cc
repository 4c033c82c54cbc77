// The float cells for scalar: see rnn_body.h.
#include "kernels/rnn/rnn_body.h"

namespace ortolan::kernels {

extern const RnnF32Variant kRnnF32Scalar;
constexpr RnnF32Variant kMade{"rnn_f32_scalar", Isa::kScalar, kLanes, Lstm, StepOfLstm,
                              GruGates,         GruUpdate,    Gru,    Rnn};
const RnnF32Variant kRnnF32Scalar = kMade;

}  // namespace ortolan::kernels
