// What CumSum and CumProd share: running sums or products along an axis, forwards or backwards, with or
// without the element itself.
#pragma once

#include "ops/op.h"

namespace ortolan {

enum class Cumulative : uint8_t { kSum, kProduct };

Status PrepareCumulative(PrepareContext& context, Cumulative form, Prepared* prepared);

}  // namespace ortolan
