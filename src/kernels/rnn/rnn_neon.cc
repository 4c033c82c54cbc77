// The float cells for neon: see rnn_body.h.
#include "base/isa.h"
#include "kernels/rnn/rnn_body.h"

namespace ortolan::kernels {

extern const RnnF32Variant kRnnF32Neon;
constexpr RnnF32Variant kMade{"rnn_f32_neon", kIsaNeon,  kLanes, Lstm, StepOfLstm,
                              GruGates,       GruUpdate, Gru,    Rnn};
const RnnF32Variant kRnnF32Neon = kMade;

}  // namespace ortolan::kernels
