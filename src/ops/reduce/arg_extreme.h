// What ArgMax and ArgMin share.
#pragma once

#include "ops/op.h"

namespace ortolan {

Status InferArgExtreme(InferContext& context);
Status PrepareArgExtreme(PrepareContext& context, bool largest, Prepared* prepared);

}  // namespace ortolan
