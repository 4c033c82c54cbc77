// Broadcasting for element types that tile programs do not hold, such as strings: one element at a time.
#pragma once

#include <array>

#include "base/status.h"
#include "value/tensor.h"

namespace ortolan {

// Calls body(i, offsets) for each element i of an output of `dims`; offsets[k] is the element of input k that
// broadcasts to it. Fails where an input does not broadcast.
template <size_t kInputs, typename Body>
Status ForEachBroadcast(const Dims& dims, const std::array<const TensorRef*, kInputs>& inputs, Body body) {
  const size_t rank = dims.size();
  std::array<Dims, kInputs> strides;
  for (size_t k = 0; k < kInputs; ++k) {
    const Dims& own = inputs[k]->dims;
    strides[k].resize(rank, 0);
    int64_t step = 1;
    for (size_t i = 0; i < own.size(); ++i) {
      const int64_t size = own[own.size() - 1 - i];
      const int64_t wanted = i < rank ? dims[rank - 1 - i] : 1;
      if (size != 1 && size != wanted) {
        return Fail("Attempting to broadcast an axis by a dimension other than 1. {} by {}", size, wanted);
      }
      if (i < rank) strides[k][rank - 1 - i] = size == 1 ? 0 : step;
      step *= size;
    }
  }
  const int64_t count = ElementCount(dims);
  Dims at(rank, 0);
  std::array<int64_t, kInputs> offsets{};
  for (int64_t i = 0; i < count; ++i) {
    body(i, offsets);
    for (size_t axis = rank; axis-- > 0;) {
      for (size_t k = 0; k < kInputs; ++k) offsets[k] += strides[k][axis];
      if (++at[axis] < dims[axis]) break;
      for (size_t k = 0; k < kInputs; ++k) offsets[k] -= strides[k][axis] * dims[axis];
      at[axis] = 0;
    }
  }
  return OkStatus();
}

}  // namespace ortolan
