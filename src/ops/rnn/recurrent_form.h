// Attributes of LSTM, GRU and RNN as the kernels' RnnForm: direction, activations with their parameters,
// clip.
#pragma once

#include "base/status.h"
#include "graph/graph.h"
#include "kernels/rnn/rnn.h"

namespace ortolan {

// hidden: of the recurrent weights, 0 where their shape is not known. Refuses unknown directions and
// activations, a wrong number of them, and a missing or contradicting hidden size.
Result<kernels::RnnForm> RecurrentFormOf(const graph::Node& node, kernels::RnnCell cell, int64_t hidden);

}  // namespace ortolan
