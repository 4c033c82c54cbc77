// Operators that move elements, on types that pack several to a byte (4 and 2 bits): no kernel of theirs
// knows such types, so they are unpacked to bytes, moved, and packed again.
#pragma once

#include "ops/op.h"

namespace ortolan {

// Whether a tensor of a packed type is among the node's inputs and outputs.
bool HasPackedTypes(const graph::Node& node);

// Prepares the node as if its packed tensors were bytes. The operator's own error where it cannot do that
// either.
Status PrepareUnpacked(PrepareContext& context, Prepared* prepared);

}  // namespace ortolan
