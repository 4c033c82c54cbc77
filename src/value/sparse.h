// SparseTensor: a tensor of which only the elements (or blocks) that are not zero are stored. Programs make
// and read them; kernels see dense tensors.
#pragma once

#include "value/tensor.h"

namespace ortolan {

struct SparseTensor {
  // The numbers of onnxruntime's OrtSparseFormat.
  enum class Format : int { kUndefined = 0, kCoo = 1, kCsr = 2, kBlocks = 4 };

  Format format = Format::kUndefined;
  Dims dims;      // of the dense tensor
  Tensor values;  // kCoo, kCsr: one-dimensional; kBlocks: (block count, ...block's shape)
  // kCoo: int64, one linear index or one row of coordinates for each value. kCsr: int64, the column of each
  // value. kBlocks: int32 (2, block count): the block row and the block column of each.
  Tensor indices;
  Tensor row_starts;  // kCsr: int64, one for each row and the end
};

// Checked constructors: kInvalidArgument where the counts do not fit each other, in onnxruntime's words.
// Positions are checked when the tensor is made dense.
Result<SparseTensor> MakeCoo(const Dims& dims, Tensor values, Tensor indices);
Result<SparseTensor> MakeCsr(const Dims& dims, Tensor values, Tensor columns, Tensor row_starts);
Result<SparseTensor> MakeBlocks(const Dims& dims, Tensor values, Tensor indices);

// The same elements with the zeros (or empty strings) written out; kInvalidArgument where a position is
// outside.
Result<Tensor> Densified(const SparseTensor& sparse);
// The elements of a numeric tensor that are not zero (by their bytes), with linear indices.
Result<SparseTensor> CooOf(const Tensor& dense);

}  // namespace ortolan
