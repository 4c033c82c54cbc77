// Declares every OpDef of ops.inc, for the registry and for those who make or look for nodes of an operator
// that they name. Apart from op.h, so that a new operator does not recompile all others: a room declares its
// own OpDef.
#pragma once

#include "ops/op.h"

namespace ortolan {

#define ORTOLAN_OP(identifier) extern const OpDef k##identifier;
#include "ops/ops.inc"
#undef ORTOLAN_OP

}  // namespace ortolan
