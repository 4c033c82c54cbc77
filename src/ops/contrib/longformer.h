// What LongformerAttention and QOrderedLongformerAttention share.
#pragma once

#include "ops/compose.h"

namespace ortolan {

struct LongformerInputs {
  graph::Value *x, *weight, *bias, *mask, *global_weight, *global_bias, *global;
};
// Attention in a window and with global tokens, of floats. Reads num_heads and window of the composed node.
Result<graph::Value*> ComposeLongformer(Composer& make, const LongformerInputs& inputs);

}  // namespace ortolan
