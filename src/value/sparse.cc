#include "value/sparse.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace ortolan {
namespace {

// Writes element `from` of the values at linear position `to` of the dense tensor.
class Scatter {
 public:
  Scatter(const Tensor& values, const Tensor& dense)
      : values_(values), dense_(dense), width_(DTypeBytes(values.dtype(), 1)) {}

  bool Write(int64_t from, int64_t to) const {
    if (to < 0 || to >= dense_.count()) return false;
    if (values_.dtype() == DType::kString) {
      dense_.Items<std::string>()[static_cast<size_t>(to)] =
          values_.Items<std::string>()[static_cast<size_t>(from)];
    } else {
      std::memcpy(static_cast<std::byte*>(dense_.data()) + static_cast<size_t>(to) * width_,
                  static_cast<const std::byte*>(values_.data()) + static_cast<size_t>(from) * width_, width_);
    }
    return true;
  }

 private:
  const Tensor& values_;
  const Tensor& dense_;
  size_t width_;
};

Status Outside() {
  return InvalidArgument("A sparse tensor's index is outside its dense shape");
}

Status FillFromCoo(const SparseTensor& sparse, const Scatter& scatter) {
  const int64_t count = sparse.values.count();
  const auto* index = static_cast<const int64_t*>(sparse.indices.data());
  const bool linear = sparse.indices.dims().size() == 1;
  const Dims strides = RowMajorStrides(sparse.dims);
  for (int64_t i = 0; i < count; ++i) {
    int64_t to = linear ? index[i] : 0;
    for (size_t axis = 0; axis < sparse.dims.size() && !linear; ++axis) {
      const int64_t at = index[static_cast<size_t>(i) * sparse.dims.size() + axis];
      if (at < 0 || at >= sparse.dims[axis]) return Outside();
      to += at * strides[axis];
    }
    if (!scatter.Write(i, to)) return Outside();
  }
  return OkStatus();
}

Status FillFromCsr(const SparseTensor& sparse, const Scatter& scatter) {
  const auto* column = static_cast<const int64_t*>(sparse.indices.data());
  const auto* start = static_cast<const int64_t*>(sparse.row_starts.data());
  for (int64_t row = 0; row + 1 < sparse.row_starts.count(); ++row) {
    if (start[row] < 0 || start[row + 1] > sparse.values.count()) return Outside();
    for (int64_t i = start[row]; i < start[row + 1]; ++i) {
      if (column[i] < 0 || column[i] >= sparse.dims[1]) return Outside();
      if (!scatter.Write(i, row * sparse.dims[1] + column[i])) return Outside();
    }
  }
  return OkStatus();
}

Status FillFromBlocks(const SparseTensor& sparse, const Scatter& scatter) {
  const int64_t blocks = sparse.values.dims()[0];
  const int64_t rows = sparse.values.dims()[1];
  const int64_t columns = sparse.values.dims()[2];
  const auto* at = static_cast<const int32_t*>(sparse.indices.data());
  for (int64_t b = 0; b < blocks; ++b) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) {
        const int64_t row = at[b] * rows + r;
        const int64_t column = at[blocks + b] * columns + c;
        if (row < 0 || row >= sparse.dims[0] || column < 0 || column >= sparse.dims[1]) return Outside();
        if (!scatter.Write((b * rows + r) * columns + c, row * sparse.dims[1] + column)) return Outside();
      }
    }
  }
  return OkStatus();
}

Status CheckDense(const Dims& dims, const Tensor& values) {
  ORTOLAN_RETURN_IF_ERROR(CheckedBytes(values.dtype(), dims).status());
  if (DTypeBits(values.dtype()) < 8)
    return InvalidArgument("A sparse tensor cannot hold {}", DTypeName(values.dtype()));
  return OkStatus();
}

}  // namespace

Result<SparseTensor> MakeCoo(const Dims& dims, Tensor values, Tensor indices) {
  ORTOLAN_RETURN_IF_ERROR(CheckDense(dims, values));
  if (values.dims().size() != 1) {
    return InvalidArgument("Expecting values 1-D numpy values array for COO format. Got dims: {}",
                           values.dims().size());
  }
  const int64_t count = values.count();
  const auto rank = static_cast<int64_t>(dims.size());
  if (indices.dtype() != DType::kInt64) return InvalidArgument("COO indices must be int64");
  const bool linear = indices.dims().size() == 1 && indices.count() == count;
  const bool coordinates =
      indices.dims().size() == 2 && indices.dims()[0] == count && indices.dims()[1] == rank;
  // A flat list of coordinates is a table of them.
  const bool flat = indices.dims().size() == 1 && indices.count() == count * rank;
  if (!linear && !coordinates && !flat) {
    return InvalidArgument("Index size: {} must be equal to or twice the values size: {}", indices.count(),
                           count);
  }
  if (flat && !linear) indices = indices.Reshaped({count, rank});
  return SparseTensor{SparseTensor::Format::kCoo, dims, std::move(values), std::move(indices), {}};
}

Result<SparseTensor> MakeCsr(const Dims& dims, Tensor values, Tensor columns, Tensor row_starts) {
  ORTOLAN_RETURN_IF_ERROR(CheckDense(dims, values));
  if (dims.size() != 2) return InvalidArgument("CSR(C) needs a dense shape of rank 2. Got: {}", dims.size());
  if (values.dims().size() != 1) {
    return InvalidArgument("Expecting values 1-D numpy values array for CSR format. Got dims: {}",
                           values.dims().size());
  }
  if (columns.dtype() != DType::kInt64 || row_starts.dtype() != DType::kInt64)
    return InvalidArgument("CSR(C) indices must be int64");
  if (columns.count() != values.count()) {
    return InvalidArgument("Expecting inner index size: {} the same as values size: {}", columns.count(),
                           values.count());
  }
  if (row_starts.count() != 0 && row_starts.count() != dims[0] + 1) {
    return InvalidArgument("Outer index count must be rows + 1 or zero. Got: {} rows: {}", row_starts.count(),
                           dims[0]);
  }
  return SparseTensor{SparseTensor::Format::kCsr, dims, std::move(values), std::move(columns),
                      std::move(row_starts)};
}

Result<SparseTensor> MakeBlocks(const Dims& dims, Tensor values, Tensor indices) {
  ORTOLAN_RETURN_IF_ERROR(CheckDense(dims, values));
  if (dims.size() != 2)
    return InvalidArgument("Block-sparse needs a dense shape of rank 2. Got: {}", dims.size());
  if (values.dims().size() != 3) {
    return InvalidArgument("Expecting to have at lest 3-D shape. Got: {}", values.dims().size());
  }
  if (indices.dtype() != DType::kInt32) return InvalidArgument("Block-sparse indices must be int32");
  if (indices.dims().size() != 2 || indices.dims()[0] != 2 || indices.dims()[1] != values.dims()[0]) {
    return InvalidArgument("Expecting indices of shape {{2,{}}}. Got: {}", values.dims()[0],
                           DimsText(indices.dims()));
  }
  return SparseTensor{SparseTensor::Format::kBlocks, dims, std::move(values), std::move(indices), {}};
}

Result<Tensor> Densified(const SparseTensor& sparse) {
  ORTOLAN_ASSIGN_OR_RETURN(Tensor dense, Tensor::Allocate(sparse.values.dtype(), sparse.dims));
  if (dense.dtype() != DType::kString && dense.bytes() > 0) std::memset(dense.data(), 0, dense.bytes());
  const Scatter scatter(sparse.values, dense);
  switch (sparse.format) {
    case SparseTensor::Format::kCoo:
      ORTOLAN_RETURN_IF_ERROR(FillFromCoo(sparse, scatter));
      break;
    case SparseTensor::Format::kCsr:
      ORTOLAN_RETURN_IF_ERROR(FillFromCsr(sparse, scatter));
      break;
    case SparseTensor::Format::kBlocks:
      ORTOLAN_RETURN_IF_ERROR(FillFromBlocks(sparse, scatter));
      break;
    case SparseTensor::Format::kUndefined:
      return InvalidArgument("The sparse tensor holds nothing");
  }
  return dense;
}

Result<SparseTensor> CooOf(const Tensor& dense) {
  if (dense.dtype() == DType::kString || DTypeBits(dense.dtype()) < 8)
    return NotImplemented("A sparse tensor of {} cannot be made", DTypeName(dense.dtype()));
  const size_t width = DTypeBytes(dense.dtype(), 1);
  const auto* from = static_cast<const std::byte*>(dense.data());
  std::vector<int64_t> positions;
  for (int64_t i = 0; i < dense.count(); ++i) {
    const std::byte* element = from + static_cast<size_t>(i) * width;
    if (std::any_of(element, element + width, [](std::byte b) { return b != std::byte{0}; }))
      positions.push_back(i);
  }
  const Dims count{static_cast<int64_t>(positions.size())};
  ORTOLAN_ASSIGN_OR_RETURN(Tensor values, Tensor::Allocate(dense.dtype(), count));
  for (size_t i = 0; i < positions.size(); ++i) {
    std::memcpy(static_cast<std::byte*>(values.data()) + i * width,
                from + static_cast<size_t>(positions[i]) * width, width);
  }
  return MakeCoo(dense.dims(), std::move(values), Tensor::Of<int64_t>(count, positions));
}

}  // namespace ortolan
