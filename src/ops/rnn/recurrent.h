// What LSTM, GRU and RNN share: their declaration, shapes, the reading of attributes, weights packed once,
// the run. Each operator's room names its cell.
#pragma once

#include "kernels/rnn/rnn.h"
#include "ops/op.h"

namespace ortolan {

// The first six; LSTM has all.
inline constexpr FormalParameter kRecurrentInputs[] = {{"X", "T"},
                                                       {"W", "T"},
                                                       {"R", "T"},
                                                       {"B", "T", Arity::kOptional},
                                                       {"sequence_lens", "T1", Arity::kOptional},
                                                       {"initial_h", "T", Arity::kOptional},
                                                       {"initial_c", "T", Arity::kOptional},
                                                       {"P", "T", Arity::kOptional}};
// The first two; LSTM has all.
inline constexpr FormalParameter kRecurrentOutputs[] = {
    {"Y", "T", Arity::kOptional}, {"Y_h", "T", Arity::kOptional}, {"Y_c", "T", Arity::kOptional}};
inline constexpr TypeConstraint kRecurrentTypes[] = {{"T", kFloatTypes}, {"T1", SetOf(DType::kInt32)}};
// The seven between the first, which GRU has too, and the last, which is LSTM's.
inline constexpr AttributeSpec kRecurrentAttributes[] = {{"linear_before_reset", graph::AttributeType::kInt},
                                                         {"activation_alpha", graph::AttributeType::kFloats},
                                                         {"activation_beta", graph::AttributeType::kFloats},
                                                         {"activations", graph::AttributeType::kStrings},
                                                         {"clip", graph::AttributeType::kFloat},
                                                         {"direction", graph::AttributeType::kString},
                                                         {"hidden_size", graph::AttributeType::kInt},
                                                         {"layout", graph::AttributeType::kInt},
                                                         {"input_forget", graph::AttributeType::kInt}};
inline constexpr AttributeSpec kOldRecurrentAttributes[] = {{"output_sequence", graph::AttributeType::kInt}};

Status RaiseRecurrent(RaiseContext& context);
Status InferRecurrent(InferContext& context);
Cost CostOfRecurrent(const graph::Node& node, const BindContext& shapes, kernels::RnnCell cell);
Status PrepareRecurrent(PrepareContext& context, kernels::RnnCell cell, Prepared* prepared);

// The same as functions of an OpDef.
template <kernels::RnnCell kCell>
Cost RecurrentCost(const graph::Node& node, const BindContext& shapes) {
  return CostOfRecurrent(node, shapes, kCell);
}
template <kernels::RnnCell kCell>
Status RecurrentPrepare(PrepareContext& context, Prepared* prepared) {
  return PrepareRecurrent(context, kCell, prepared);
}

}  // namespace ortolan
