// RNN: the simple recurrent layer over sequences.
// Both directions, sequence lengths, initial states and every activation of the specification. Refuses shapes
// that do not fit each other and lengths beyond the sequence.
#include "ops/rnn/recurrent.h"

namespace ortolan {
namespace {

constexpr auto kCell = kernels::RnnCell::kRnn;
constexpr int kVersions[] = {1, 7, 14, 22};

}  // namespace

extern const OpDef kRNN;
constexpr OpDef kRNN{.domain = "",
                     .name = "RNN",
                     .versions = kVersions,
                     .inputs = std::span(kRecurrentInputs).first(6),
                     .outputs = std::span(kRecurrentOutputs).first(2),
                     .types = kRecurrentTypes,
                     .attributes = std::span(kRecurrentAttributes).subspan(1, 7),
                     .raise = RaiseRecurrent,
                     .infer = InferRecurrent,
                     .cost = RecurrentCost<kCell>,
                     .prepare = RecurrentPrepare<kCell>,
                     .old_attributes = kOldRecurrentAttributes};

}  // namespace ortolan
