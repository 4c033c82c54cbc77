// What GroupNormalization and InstanceNormalization share: channels of one batch item are normalised in
// groups, then scaled one by one.
#pragma once

#include "ops/op.h"

namespace ortolan {

// groups = 0: every channel is a group of its own. scale_per_group: scale and bias have one number a group.
Status PrepareGroupNormalization(PrepareContext& context, int64_t groups, bool scale_per_group,
                                 Prepared* prepared);

}  // namespace ortolan
