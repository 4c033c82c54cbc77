// What GreedySearch and Sampling share: their inputs 0 to 6 and the search itself (ops/contrib/search.h).
#pragma once

#include "ops/compose.h"
#include "ops/contrib/search.h"

namespace ortolan {

Status ComposeGreedySearch(RaiseContext& context, bool sampling);

}  // namespace ortolan
