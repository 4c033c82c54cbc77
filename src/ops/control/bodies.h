// What If, Loop, Scan and SequenceMap share: reading the outputs of a body. exec/control_flow.cc runs them.
#pragma once

#include "ops/op.h"

namespace ortolan {

// The value that output `index` of the body gives, or null where the body has no such output.
const graph::Value* BodyOutput(const InferContext& context, std::string_view body, size_t index);

// What two possible results have in common: the dimensions that agree, fresh ones elsewhere, unknown rank
// where the ranks differ.
graph::Shape CommonShape(const graph::Shape& a, const graph::Shape& b, InferContext& context);

// `shape` with one more dimension at `axis` (negative from the end of the result).
graph::Shape WithDimAt(const graph::Shape& shape, int64_t axis, graph::Dim dim);

}  // namespace ortolan
