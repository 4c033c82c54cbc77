// The tile of the integer product, written once; each ISA unit includes it with its own flags.
#pragma once

#include "kernels/quant/integer_product_kernel.h"

namespace ortolan::kernels {
namespace {

// 2 rows of a by 4 of b: 8 sums and 6 operands stay in the 16 vector registers that the smaller levels have.
constexpr int64_t kRows = 2;
constexpr int64_t kColumns = 4;
// |a|, |b| <= 255, so a product is below 2^16 and this many of them stay below 2^31; longer sums go on as
// unsigned numbers, which wrap.
constexpr int64_t kMostTerms = int64_t{1} << 14;

inline void AddBlock(const int16_t* a0, const int16_t* a1, const int16_t* b0, const int16_t* b1,
                     const int16_t* b2, const int16_t* b3, int64_t k, uint32_t* sums) {
  int32_t s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
  for (int64_t i = 0; i < k; ++i) {
    s00 += a0[i] * b0[i];
    s01 += a0[i] * b1[i];
    s02 += a0[i] * b2[i];
    s03 += a0[i] * b3[i];
    s10 += a1[i] * b0[i];
    s11 += a1[i] * b1[i];
    s12 += a1[i] * b2[i];
    s13 += a1[i] * b3[i];
  }
  const int32_t all[kRows * kColumns] = {s00, s01, s02, s03, s10, s11, s12, s13};
  for (int64_t i = 0; i < kRows * kColumns; ++i) sums[i] += (uint32_t)all[i];
}

void Tile(const int16_t* a, const int16_t* b, int64_t m, int64_t n, int64_t k, int32_t* c, int64_t c_stride) {
  for (int64_t i = 0; i < m; i += kRows) {
    const int64_t rows = m - i < kRows ? m - i : kRows;
    const int16_t* a0 = a + i * k;
    const int16_t* a1 = a0 + (rows - 1) * k;  // the same row twice at the end
    for (int64_t j = 0; j < n; j += kColumns) {
      const int64_t columns = n - j < kColumns ? n - j : kColumns;
      const int16_t* b0 = b + j * k;
      const int16_t* b1 = b0 + (columns > 1 ? k : 0);
      const int16_t* b2 = b0 + (columns > 2 ? 2 * k : 0);
      const int16_t* b3 = b0 + (columns > 3 ? 3 * k : 0);
      uint32_t sums[kRows * kColumns] = {0};
      for (int64_t at = 0; at < k; at += kMostTerms) {
        const int64_t terms = k - at < kMostTerms ? k - at : kMostTerms;
        AddBlock(a0 + at, a1 + at, b0 + at, b1 + at, b2 + at, b3 + at, terms, sums);
      }
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t s = 0; s < columns; ++s) c[(i + r) * c_stride + j + s] = (int32_t)sums[r * kColumns + s];
      }
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
