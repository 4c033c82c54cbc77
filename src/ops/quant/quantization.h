// What QuantizeLinear and DequantizeLinear share: how scales and zero points lie over a tensor, one for the
// whole of it, one for each index of an axis, or one for each block of an axis.
#pragma once

#include <vector>

#include "base/function_ref.h"
#include "ops/op.h"

namespace ortolan::quant {

inline constexpr DTypeSet kQuantizedTypes =
    SetOf(DType::kInt8, DType::kUInt8, DType::kInt16, DType::kUInt16, DType::kFloat8E4M3FN,
          DType::kFloat8E4M3FNUZ, DType::kFloat8E5M2, DType::kFloat8E5M2FNUZ, DType::kUInt4, DType::kInt4,
          DType::kFloat4E2M1, DType::kUInt2, DType::kInt2, DType::kFloat6E2M3, DType::kFloat6E3M2);
inline constexpr DTypeSet kScaleTypes = SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16);

// The attributes.
struct Granularity {
  int64_t axis = 1;
  int64_t block_size = 0;
};
// kInvalidArgument for a negative block size.
Result<Granularity> ReadGranularity(const graph::Attributes& attributes);

// Checks, as far as they are known, that x, scale and zero point fit each other.
Status CheckGranularity(const Granularity& granularity, const InferContext& context);

// A tensor as rows of elements whose scales are one number, or lie side by side.
struct ScaleRows {
  int64_t rows = 1;
  int64_t length = 0;      // elements of a row
  bool one_scale = true;   // of a row; otherwise `length` of them
  int64_t row_repeat = 1;  // so many rows in turn have the same scales
  int64_t scale_rows = 1;  // sets of scales, after which they begin anew; for blocks see below
  // With blocks row (outer, index) has the scales of row (outer, index / block).
  int64_t block = 0;
  int64_t axis_size = 1;
  int64_t blocks = 1;

  int64_t ScaleOf(int64_t row) const;  // position of the row's first scale
};

// kInvalidArgument where the scale's shape fits neither form.
Result<ScaleRows> BindScales(const Granularity& granularity, const Dims& x, const Dims& scale);

// Calls body(begin, count, scale, step) for pieces of rows, from several threads: elements [begin, begin +
// count) have the scales from `scale` on, `step` (0 or 1) apart. Pieces are short enough for buffers on the
// stack and begin at a byte's border for packed types, except where a row does not.
inline constexpr int64_t kPiece = 1024;
void ForEachPiece(const ScaleRows& rows, ThreadPool& threads,
                  FunctionRef<void(int64_t begin, int64_t count, int64_t scale, int64_t step)> body);

// All elements of a small tensor as floats; `otherwise` alone where the input is absent.
Result<std::vector<float>> FloatsOf(const RunContext& context, size_t input, float otherwise);

}  // namespace ortolan::quant
