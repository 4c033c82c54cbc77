#include "kernels/gemm/gemm_pack.h"

#include <algorithm>
#include <cstring>

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

// Rows of pairs that are made at once: 16 of float rows at 32 columns are 2 KB.
constexpr int64_t kPairRows = 8;
constexpr int64_t kMostPanel = 128;

uint32_t BitsOf(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits;
}

// One panel: numbers of bfloat16 lose nothing when their low half is cut.
void PackPairs(const GemmVariant& variant, const GemmMatrix& b, int64_t n0, int64_t k, int64_t columns,
               float* to, int64_t width) {
  float rows[2 * kPairRows * kMostPanel];
  for (int64_t k0 = 0; k0 < k; k0 += 2 * kPairRows) {
    const int64_t count = std::min(k - k0, 2 * kPairRows);
    CopyGemmBlock(variant, b, k0, n0, count, columns, rows, width, width);
    if (count % 2 != 0) std::fill_n(rows + count * width, width, 0.0f);
    for (int64_t r = 0; r < count; r += 2, to += width) {
      const float *low = rows + r * width, *high = low + width;
      for (int64_t j = 0; j < width; ++j) {
        const uint32_t pair = BitsOf(low[j]) >> 16 | (BitsOf(high[j]) & 0xffff0000u);
        std::memcpy(to + j, &pair, sizeof(pair));
      }
    }
  }
}

}  // namespace

bool HoldsBFloat16(const float* numbers, int64_t count) {
  const auto* bytes = reinterpret_cast<const std::byte*>(numbers);
  // Piece by piece: most matrices that hold other numbers begin with one.
  constexpr int64_t kPiece = 4096;
  for (int64_t begin = 0; begin < count; begin += kPiece) {
    const int64_t end = std::min(begin + kPiece, count);
    uint32_t low = 0;
    for (int64_t i = begin; i < end; ++i) {
      uint32_t bits;
      std::memcpy(&bits, bytes + static_cast<size_t>(i) * sizeof(bits), sizeof(bits));
      low |= bits & 0xffffu;
    }
    if (low != 0) return false;
  }
  return true;
}

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
  return GemmDepth(variant, k) * (last + GemmPanelWidth(variant, n, last));
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
    const int64_t columns = std::min<int64_t>(variant.columns, n - n0);
    float* to = packed + n0 * GemmDepth(variant, k);
    if (variant.pairs) return PackPairs(variant, b, n0, k, columns, to, width);
    CopyGemmBlock(variant, b, 0, n0, k, columns, to, width, width);
    if (scale != 1.0f) std::for_each(to, to + k * width, [scale](float& x) { x *= scale; });
  });
}

}  // namespace ortolan::kernels
