// LSTM: long short-term memory over sequences; peepholes, coupled gates and clipping take the plain path.
// Both directions, sequence lengths, initial states and every activation of the specification. Refuses shapes
// that do not fit each other and lengths beyond the sequence.
#include "ops/rnn/recurrent.h"

namespace ortolan {
namespace {

constexpr auto kCell = kernels::RnnCell::kLstm;
constexpr int kVersions[] = {1, 7, 14, 22};

}  // namespace

extern const OpDef kLSTM;
constexpr OpDef kLSTM{.domain = "",
                      .name = "LSTM",
                      .versions = kVersions,
                      .inputs = kRecurrentInputs,
                      .outputs = kRecurrentOutputs,
                      .types = kRecurrentTypes,
                      .attributes = std::span(kRecurrentAttributes).subspan(1),
                      .raise = RaiseRecurrent,
                      .infer = InferRecurrent,
                      .cost = RecurrentCost<kCell>,
                      .prepare = RecurrentPrepare<kCell>,
                      .old_attributes = kOldRecurrentAttributes};

}  // namespace ortolan
