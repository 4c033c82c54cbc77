// What LSTM, GRU and RNN share: shapes, the reading of attributes, weights packed once, the run. Each
// operator's room names its cell.
#pragma once

#include "kernels/rnn/rnn.h"
#include "ops/op.h"

namespace ortolan {

void RaiseRecurrent(RaiseContext& context);
Status InferRecurrent(InferContext& context);
Cost CostOfRecurrent(const graph::Node& node, const BindContext& shapes, kernels::RnnCell cell);
Status PrepareRecurrent(PrepareContext& context, kernels::RnnCell cell, Prepared* prepared);

}  // namespace ortolan
