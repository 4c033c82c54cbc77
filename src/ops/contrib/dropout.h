// What BiasDropout, BitmaskDropout and BitmaskBiasDropout share: Dropout with a sum before it, a sum behind
// it and a mask of words.
#pragma once

#include "ops/op.h"

namespace ortolan {

// bias: inputs 1 and 2 are a bias and a residual that may be absent; ratio and training_mode come behind.
// words: the mask has 32 elements in a word, the first in the lowest bit.
Status RaiseDropout(RaiseContext& context, bool bias, bool words);

}  // namespace ortolan
