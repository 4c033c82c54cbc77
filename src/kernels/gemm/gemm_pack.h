// Copies between the operands as they lie in memory and the forms that the kernels stream.
#pragma once

#include <cstdint>

#include "kernels/gemm/gemm.h"

namespace ortolan::kernels {

// The width in memory of the panel that starts at column n0: whole vectors.
inline int64_t GemmPanelWidth(const GemmVariant& variant, int64_t n, int64_t n0) {
  const int64_t left = n - n0;
  return left >= variant.columns ? variant.columns
                                 : (left + variant.lanes - 1) / variant.lanes * variant.lanes;
}

// to[r * to_stride + c] = element (r0 + r, c0 + c) of `from` as float, zeros for columns <= c < padded.
void CopyGemmBlock(const GemmVariant& variant, const GemmMatrix& from, int64_t r0, int64_t c0, int64_t rows,
                   int64_t columns, float* to, int64_t to_stride, int64_t padded);

// Steps along k of k elements.
inline int64_t GemmDepth(const GemmVariant& variant, int64_t k) {
  return variant.pairs ? (k + 1) / 2 : k;
}

}  // namespace ortolan::kernels
