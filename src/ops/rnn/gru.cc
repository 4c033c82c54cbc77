// GRU: gated recurrent units over sequences, with the reset before or after the product.
// Both directions, sequence lengths, initial states and every activation of the specification. Refuses shapes
// that do not fit each other and lengths beyond the sequence.
#include "ops/rnn/recurrent.h"

namespace ortolan {
namespace {

constexpr auto kCell = kernels::RnnCell::kGru;
constexpr int kVersions[] = {1, 3, 7, 14, 22};

}  // namespace

extern const OpDef kGRU;
constexpr OpDef kGRU{.domain = "",
                     .name = "GRU",
                     .versions = kVersions,
                     .inputs = std::span(kRecurrentInputs).first(6),
                     .outputs = std::span(kRecurrentOutputs).first(2),
                     .types = kRecurrentTypes,
                     .attributes = std::span(kRecurrentAttributes).first(8),
                     .raise = RaiseRecurrent,
                     .infer = InferRecurrent,
                     .cost = RecurrentCost<kCell>,
                     .prepare = RecurrentPrepare<kCell>,
                     .old_attributes = kOldRecurrentAttributes};

}  // namespace ortolan
