// LSTM: long short-term memory over sequences; peepholes, coupled gates and clipping take the plain path.
// Both directions, sequence lengths, initial states and every activation of the specification. Refuses shapes
// that do not fit each other and lengths beyond the sequence.
#include "ops/rnn/recurrent.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  RaiseRecurrent(context);
  return OkStatus();
}

Cost CostOf(const graph::Node& node, const BindContext& shapes) {
  return CostOfRecurrent(node, shapes, kernels::RnnCell::kLstm);
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  return PrepareRecurrent(context, kernels::RnnCell::kLstm, prepared);
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 7, 14, 22};
constexpr FormalParameter kInputs[] = {{"X", "T"},
                                       {"W", "T"},
                                       {"R", "T"},
                                       {"B", "T", Arity::kOptional},
                                       {"sequence_lens", "T1", Arity::kOptional},
                                       {"initial_h", "T", Arity::kOptional},
                                       {"initial_c", "T", Arity::kOptional},
                                       {"P", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {
    {"Y", "T", Arity::kOptional}, {"Y_h", "T", Arity::kOptional}, {"Y_c", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"T1", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"clip", AttributeType::kFloat},
                                         {"activation_beta", AttributeType::kFloats},
                                         {"activation_alpha", AttributeType::kFloats},
                                         {"hidden_size", AttributeType::kInt},
                                         {"direction", AttributeType::kString},
                                         {"input_forget", AttributeType::kInt},
                                         {"layout", AttributeType::kInt},
                                         {"activations", AttributeType::kStrings}};
constexpr AttributeSpec kOldAttributes[] = {{"output_sequence", AttributeType::kInt}};

}  // namespace

extern const OpDef kLSTM;
constexpr OpDef kLSTM{.domain = "",
                      .name = "LSTM",
                      .versions = kVersions,
                      .inputs = kInputs,
                      .outputs = kOutputs,
                      .types = kTypes,
                      .attributes = kAttributes,
                      .raise = Raise,
                      .infer = InferRecurrent,
                      .cost = CostOf,
                      .prepare = Prepare,
                      .old_attributes = kOldAttributes};

}  // namespace ortolan
