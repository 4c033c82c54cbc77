// Operators on element types for which they have no kernel, though ONNX allows them: the data is converted to
// a type that has one, and results are converted back.
#pragma once

#include "ops/op.h"

namespace ortolan {

// Prepares the node on converted data, with the types of its first input's constraint changed.
// kNotImplemented where no type serves.
Status PrepareConverted(PrepareContext& context, Prepared* prepared);

}  // namespace ortolan
