// The float cells for avx2: see rnn_body.h.
#include "kernels/rnn/rnn_body.h"

namespace ortolan::kernels {

extern const RnnF32Variant kRnnF32Avx2;
constexpr RnnF32Variant kMade{"rnn_f32_avx2", Isa::kAvx2, kLanes, Lstm, StepOfLstm,
                              GruGates,       GruUpdate,  Gru,    Rnn};
const RnnF32Variant kRnnF32Avx2 = kMade;

}  // namespace ortolan::kernels
