#include "ops/quant/quantization.h"

#include <algorithm>

#include "ops/tensor/low_bits.h"

namespace ortolan::quant {

using graph::Dim;
using graph::Shape;

Result<Granularity> ReadGranularity(const graph::Attributes& attributes) {
  Granularity granularity{attributes.Int("axis", 1), attributes.Int("block_size", 0)};
  if (granularity.block_size < 0) {
    return InvalidArgument("attribute block_size is {}, expected 0 or more", granularity.block_size);
  }
  return granularity;
}

Status CheckGranularity(const Granularity& granularity, const InferContext& context) {
  const Shape& x = context.shape(0);
  const Shape& scale = context.shape(1);
  if (context.HasInput(2) && scale.has_rank() && context.shape(2).has_rank() && scale.IsConstant() &&
      context.shape(2).IsConstant() && !(scale == context.shape(2))) {
    // A scalar and a vector of one are the same to every implementation.
    if (!scale.Count().Is(1) || !context.shape(2).Count().Is(1)) {
      return InvalidArgument("the scale has shape {}, the zero point {}: they must agree", ShapeText(scale),
                             ShapeText(context.shape(2)));
    }
  }
  if (!x.IsConstant() || !scale.IsConstant()) return OkStatus();
  Dims x_dims, scale_dims;
  for (const Dim& dim : x.dims()) x_dims.push_back(dim.constant());
  for (const Dim& dim : scale.dims()) scale_dims.push_back(dim.constant());
  if (std::ranges::any_of(x_dims, [](int64_t dim) { return dim < 0; })) return OkStatus();
  if (std::ranges::any_of(scale_dims, [](int64_t dim) { return dim < 0; })) return OkStatus();
  return BindScales(granularity, x_dims, scale_dims).status();
}

int64_t ScaleRows::ScaleOf(int64_t row) const {
  if (block > 0) {
    const int64_t outer = row / axis_size, index = row % axis_size;
    return (outer * blocks + index / block) * length;
  }
  const int64_t set = row / row_repeat % scale_rows;
  return one_scale ? set : set * length;
}

Result<ScaleRows> BindScales(const Granularity& granularity, const Dims& x, const Dims& scale) {
  ScaleRows rows;
  const std::span<const int64_t> all(x.data(), x.size());
  const int64_t count = ElementCount(x);
  if (granularity.block_size == 0 && scale.size() <= 1 && ElementCount(scale) == 1) {
    rows.length = count;
    return rows;
  }
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis,
                           NormalizeAxis(granularity.axis, static_cast<int64_t>(x.size())));
  const auto at = static_cast<size_t>(axis);
  const int64_t outer = ElementCount(all.first(at)), size = all[at];
  const int64_t inner = ElementCount(all.subspan(at + 1));
  if (granularity.block_size == 0) {
    if (scale.size() != 1 || scale[0] != size) {
      return InvalidArgument("the scale has shape {}, expected a scalar or {{{}}}, the size of axis {} of {}",
                             DimsText(scale), size, axis, DimsText(x));
    }
    if (inner == 1) {  // the scales lie beside the elements
      rows.rows = outer;
      rows.length = size;
      rows.one_scale = false;
    } else {
      rows.rows = outer * size;
      rows.length = inner;
      rows.scale_rows = std::max<int64_t>(size, 1);
    }
    return rows;
  }
  Dims expected = x;
  const int64_t blocks = size / granularity.block_size + (size % granularity.block_size != 0 ? 1 : 0);
  expected[at] = blocks;
  if (scale != expected) {
    return InvalidArgument("the scale has shape {}, expected {} for blocks of {} on axis {} of {}",
                           DimsText(scale), DimsText(expected), granularity.block_size, axis, DimsText(x));
  }
  rows.block = granularity.block_size;
  rows.axis_size = std::max<int64_t>(size, 1);
  rows.blocks = blocks;
  rows.rows = outer * size;
  rows.length = inner;
  rows.one_scale = false;
  if (inner == 1) {  // blocks along the last axis: each is a row of its own with one scale
    rows.one_scale = true;
  }
  return rows;
}

void ForEachPiece(const ScaleRows& rows, ThreadPool& threads,
                  FunctionRef<void(int64_t begin, int64_t count, int64_t scale, int64_t step)> body) {
  if (rows.length == 0 || rows.rows == 0) return;
  const int64_t step = rows.one_scale ? 0 : 1;
  if (rows.block > 0 && rows.length == 1) {  // the elements of a block lie side by side
    const int64_t runs = rows.rows / rows.axis_size * rows.blocks;
    threads.ParallelRanges(runs, std::max<int64_t>(1, 4 * kPiece / rows.block),
                           [&](int64_t first, int64_t last) {
                             for (int64_t run = first; run < last; ++run) {
                               const int64_t index = run % rows.blocks * rows.block;
                               const int64_t size = std::min(rows.block, rows.axis_size - index);
                               const int64_t begin = run / rows.blocks * rows.axis_size + index;
                               for (int64_t at = 0; at < size; at += kPiece)
                                 body(begin + at, std::min(kPiece, size - at), run, 0);
                             }
                           });
    return;
  }
  const int64_t pieces = (rows.length + kPiece - 1) / kPiece;
  const int64_t grain = std::max<int64_t>(1, 4 * kPiece / std::min(rows.length, kPiece));
  threads.ParallelRanges(rows.rows * pieces, grain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t row = i / pieces, at = i % pieces * kPiece;
      body(row * rows.length + at, std::min(kPiece, rows.length - at), rows.ScaleOf(row) + at * step, step);
    }
  });
}

Result<std::vector<float>> FloatsOf(const RunContext& context, size_t input, float otherwise) {
  if (!context.HasInput(input)) return std::vector<float>{otherwise};
  const TensorRef& tensor = context.input(input);
  std::vector<float> floats(static_cast<size_t>(tensor.count()));
  ORTOLAN_RETURN_IF_ERROR(ReadFloats(tensor, 0, tensor.count(), floats.data()));
  return floats;
}

}  // namespace ortolan::quant
