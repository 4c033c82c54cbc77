// What LayerNormalization and RMSNormalization share: rows of adjacent elements, each normalised by itself,
// with a scale and a bias of a row's shape.
#pragma once

#include "ops/op.h"

namespace ortolan {

Status InferRowNormalization(InferContext& context);
// center: the mean is taken out (LayerNormalization).
Status PrepareRowNormalization(PrepareContext& context, bool center, Prepared* prepared);

}  // namespace ortolan
