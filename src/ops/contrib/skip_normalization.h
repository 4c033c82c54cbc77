// What the normalisations of onnxruntime's domain share.
#pragma once

#include "ops/compose.h"

namespace ortolan {

// 1 / sqrt(mean(x * x) + epsilon) over the axes from `axis` on, in float. Refuses an unknown rank.
Result<graph::Value*> InverseRms(Composer& make, graph::Value* x, int64_t axis, float epsilon);
// center: LayerNormalization (with beta as input 3) of the sum, RMSNormalization otherwise.
Status RaiseSkipNormalization(RaiseContext& context, bool center);
// GroupNorm of x with gamma and beta as inputs 1 and 2 of the composed node.
Result<graph::Value*> NormalizedGroups(Composer& make, graph::Value* x);

}  // namespace ortolan
