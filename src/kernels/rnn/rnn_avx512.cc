// The float cells for avx512: see rnn_body.h.
#include "kernels/rnn/rnn_body.h"

namespace ortolan::kernels {

extern const RnnF32Variant kRnnF32Avx512;
constexpr RnnF32Variant kMade{"rnn_f32_avx512", Isa::kAvx512, kLanes, Lstm, StepOfLstm,
                              GruGates,         GruUpdate,    Gru,    Rnn};
const RnnF32Variant kRnnF32Avx512 = kMade;

}  // namespace ortolan::kernels
