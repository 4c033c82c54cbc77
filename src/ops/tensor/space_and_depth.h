// DepthToSpace and SpaceToDepth are one strided copy each between the same two pictures of the data; what
// they share.
#pragma once

#include "ops/op.h"

namespace ortolan {

enum class DepthOrder : uint8_t { kDepthFirst, kColumnFirst };  // DCR, CRD

// Blocks of depth become space (to_space) or the reverse. Refuses other ranks than 4 and sizes that do not
// divide.
Status InferSpaceAndDepth(InferContext& context, bool to_space);
Status PrepareSpaceAndDepth(PrepareContext& context, bool to_space, Prepared* prepared);

}  // namespace ortolan
