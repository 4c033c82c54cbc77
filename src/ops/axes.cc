#include "ops/axes.h"

#include <algorithm>

namespace ortolan {

Dims IntsOf(const TensorRef& tensor) {
  Dims ints;
  if (tensor.dtype == DType::kInt64) {
    ints.Append(tensor.As<int64_t>(), static_cast<size_t>(tensor.count()));
  } else if (tensor.dtype == DType::kInt32) {
    for (int32_t item : tensor.Items<int32_t>()) ints.push_back(item);
  }
  return ints;
}

Result<Dims> NormalizeAxes(std::span<const int64_t> axes, int64_t rank) {
  Dims normal;
  for (int64_t axis : axes) {
    ORTOLAN_ASSIGN_OR_RETURN(const int64_t at, NormalizeAxis(axis, rank));
    if (std::find(normal.begin(), normal.end(), at) != normal.end()) {
      return InvalidArgument("axis {} is given twice", axis);
    }
    normal.push_back(at);
  }
  return normal;
}

Result<int> ElementWidth(DType dtype) {
  if (dtype == DType::kString) return 0;
  const int bits = DTypeBits(dtype);
  if (bits < 8) return NotImplemented("elements of type {} cannot be moved one by one", DTypeName(dtype));
  return bits / 8;
}

}  // namespace ortolan
