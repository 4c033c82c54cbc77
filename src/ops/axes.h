// Small readings that rooms of shape-like operators share: integer inputs, lists of axes, the width that
// movement kernels dispatch on.
#pragma once

#include <cstdint>
#include <span>

#include "base/status.h"
#include "graph/graph.h"
#include "value/dims.h"
#include "value/dtype.h"
#include "value/tensor.h"

namespace ortolan {

// The elements of an int32 or int64 tensor; empty for other types.
Dims IntsOf(const TensorRef& tensor);

// Every axis as 0..rank-1, in the order given; kInvalidArgument where one is out of range or stands twice.
Result<Dims> NormalizeAxes(std::span<const int64_t> axes, int64_t rank);

// Bytes of an element, 0 (kernels::kStringWidth) for strings; kNotImplemented for types that pack several to
// a byte.
Result<int> ElementWidth(DType dtype);

// True where `count` integers are few enough to be followed as shape contents.
inline bool FitsContents(const graph::Dim& count) {
  return count.IsConstant() && count.constant() >= 0 &&
         count.constant() <= static_cast<int64_t>(graph::kMostContents);
}

}  // namespace ortolan
