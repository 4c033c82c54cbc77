#include "kernels/gemm/gemm_pack.h"

#include <algorithm>

#include "base/half.h"

namespace ortolan::kernels {
namespace {

template <typename T>
void ConvertBlock(const T* from, int64_t row_stride, int64_t column_stride, int64_t rows, int64_t columns,
                  float* to, int64_t to_stride, int64_t padded) {
  for (int64_t r = 0; r < rows; ++r) {
    const T* source = from + r * row_stride;
    float* target = to + r * to_stride;
    for (int64_t c = 0; c < columns; ++c) target[c] = static_cast<float>(source[c * column_stride]);
    std::fill(target + columns, target + padded, 0.0f);
  }
}

}  // namespace

void CopyGemmBlock(const GemmVariant& variant, const GemmMatrix& from, int64_t r0, int64_t c0, int64_t rows,
                   int64_t columns, float* to, int64_t to_stride, int64_t padded) {
  const int64_t offset = r0 * from.row_stride + c0 * from.column_stride;
  switch (from.element) {
    case GemmElement::kF32: {
      const float* source = static_cast<const float*>(from.data) + offset;
      if (from.column_stride == 1) {
        variant.copy(source, from.row_stride, to, to_stride, rows, columns, padded);
      } else if (from.row_stride == 1) {
        variant.transpose(source, from.column_stride, to, to_stride, rows, columns, padded);
      } else {
        ConvertBlock(source, from.row_stride, from.column_stride, rows, columns, to, to_stride, padded);
      }
      return;
    }
    case GemmElement::kF16:
      ConvertBlock(static_cast<const Float16*>(from.data) + offset, from.row_stride, from.column_stride, rows,
                   columns, to, to_stride, padded);
      return;
    case GemmElement::kBF16:
      ConvertBlock(static_cast<const BFloat16*>(from.data) + offset, from.row_stride, from.column_stride,
                   rows, columns, to, to_stride, padded);
      return;
  }
}

int64_t PackedGemmBFloats(const GemmVariant& variant, int64_t k, int64_t n) {
  if (n <= 0 || k <= 0) return 0;
  if (n == 1) return k;
  const int64_t last = (n - 1) / variant.columns * variant.columns;
  return k * (last + GemmPanelWidth(variant, n, last));
}

void PackGemmB(const GemmVariant& variant, const GemmMatrix& b, int64_t k, int64_t n, float scale,
               float* packed, ThreadPool& threads) {
  if (n <= 0 || k <= 0) return;
  if (n == 1) {  // read along k: a copy of one "row" of k columns
    CopyGemmBlock(variant, {b.data, 0, b.row_stride, b.element}, 0, 0, 1, k, packed, k, k);
    if (scale != 1.0f) std::for_each(packed, packed + k, [scale](float& x) { x *= scale; });
    return;
  }
  const int64_t panels = (n + variant.columns - 1) / variant.columns;
  threads.ParallelFor(panels, [&](int64_t panel) {
    const int64_t n0 = panel * variant.columns;
    const int64_t width = GemmPanelWidth(variant, n, n0);
    float* to = packed + n0 * k;
    CopyGemmBlock(variant, b, 0, n0, k, std::min<int64_t>(variant.columns, n - n0), to, width, width);
    if (scale != 1.0f) std::for_each(to, to + k * width, [scale](float& x) { x *= scale; });
  });
}

}  // namespace ortolan::kernels
