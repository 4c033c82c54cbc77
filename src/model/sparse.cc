// Sparse initializers and constants become dense tensors: no kernel of ours reads sparse ones.
#include <cstring>

#include "model/tensor.h"

namespace ortolan::model {
namespace {

// A few bytes may claim a tensor of any size. Up to 64 MiB anything goes; beyond that one element in a
// thousand has to be there, which every sparse matrix worth densifying has.
constexpr size_t kFreeDenseBytes = size_t{64} << 20;
constexpr size_t kMostExpansion = 1000;

// The row-major position that entry `i` of the indices names, or -1 where it is outside.
int64_t Position(std::span<const int64_t> indices, size_t i, bool linear, const Dims& dims, int64_t count) {
  if (linear) return indices[i] >= 0 && indices[i] < count ? indices[i] : -1;
  int64_t position = 0;
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    const int64_t index = indices[i * dims.size() + axis];
    if (index < 0 || index >= dims[axis]) return -1;
    position = position * dims[axis] + index;
  }
  return position;
}

}  // namespace

Result<Tensor> TensorReader::ReadSparse(const SparseTensorView& view) {
  const std::string_view name = view.values.name;
  ORTOLAN_ASSIGN_OR_RETURN(const Tensor values, Read(view.values));
  ORTOLAN_ASSIGN_OR_RETURN(const Tensor indices, Read(view.indices));
  const Dims dims(std::span<const int64_t>(view.dims));
  const Result<size_t> bytes = CheckedBytes(values.dtype(), dims);
  if (!bytes.ok()) return Fail("Sparse tensor: {} has invalid dimensions {}", name, DimsText(dims));
  const int bits = DTypeBits(values.dtype());
  if (bits < 8) return NotImplemented("Sparse tensor: {} has elements of {} bits", name, bits);

  const int64_t entries = values.count();
  const bool linear = indices.dims().size() == 1 && indices.count() == entries;
  const bool tuples = indices.dims().size() == 2 && indices.dims()[0] == entries &&
                      indices.dims()[1] == static_cast<int64_t>(dims.size());
  if (values.dims().size() != 1 || indices.dtype() != DType::kInt64 || (!linear && !tuples)) {
    return Fail("Sparse tensor: {} has values of shape {} and indices of shape {} for dense dimensions {}",
                name, DimsText(values.dims()), DimsText(indices.dims()), DimsText(dims));
  }
  if (*bytes > kFreeDenseBytes && *bytes / kMostExpansion > values.bytes()) {
    return Fail("Sparse tensor: {} would take {} bytes for {} entries", name, *bytes, entries);
  }

  ORTOLAN_ASSIGN_OR_RETURN(Tensor dense, Tensor::Allocate(values.dtype(), dims));
  const bool strings = values.dtype() == DType::kString;
  const size_t width = static_cast<size_t>(bits) / 8;
  if (!strings && *bytes > 0) std::memset(dense.data(), 0, *bytes);
  const std::span<const int64_t> flat = indices.Items<const int64_t>();
  for (size_t i = 0; i < static_cast<size_t>(entries); ++i) {
    const int64_t position = Position(flat, i, linear, dims, dense.count());
    if (position < 0) return Fail("Sparse tensor: {} has an index out of bounds in entry {}", name, i);
    if (strings) {
      dense.Items<std::string>()[static_cast<size_t>(position)] = values.Items<std::string>()[i];
    } else {
      std::memcpy(static_cast<std::byte*>(dense.data()) + static_cast<size_t>(position) * width,
                  static_cast<const std::byte*>(values.data()) + i * width, width);
    }
  }
  return dense;
}

}  // namespace ortolan::model
