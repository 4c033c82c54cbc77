// 8-bit products with 32-bit sums: rows of bytes, gathered by pointers, times a packed matrix of bytes, and
// what becomes of the sums while they are in registers. Matrix products and convolutions both end here.
//
// With a the left bytes made unsigned (signed ones plus 128), w the right ones made signed (unsigned ones
// less 128), za and zw their zero points moved likewise, K the length of a sum:
//   sum (a - za) * (w - zw) = sum a * w - za * sum w - zw * sum a + K * za * zw.
// The second and the last term are one number a column, where the sums begin; the third is there only where
// zw is not 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/cpu.h"
#include "base/function_ref.h"
#include "base/status.h"
#include "kernels/quant/byte_kernel.h"
#include "threads/pool.h"

namespace ortolan::kernels {

// The best variant for the level.
const ByteVariant& SelectBytes(Isa isa);
// All that this machine can run, best first.
std::vector<const ByteVariant*> RunnableBytes();

// The right side: `taps` pieces of `k` rows each, n columns; element (tap, i, column) is at data[tap *
// tap_stride + i * k_stride + column * n_stride].
struct ByteMatrix {
  const void* data = nullptr;
  bool is_signed = true;
  int64_t taps = 1;
  int64_t k = 0;
  int64_t n = 0;
  int64_t tap_stride = 0;
  int64_t k_stride = 0;
  int64_t n_stride = 1;
  // Bytes of a tap of the left side, k or more: the further ones meet zeros.
  int64_t k_bytes = 0;
};

// Columns of a full panel.
inline int64_t PanelColumns(const ByteVariant& variant) {
  return int64_t{variant.vectors} * variant.lanes;
}
// Quads of a tap.
inline int64_t ByteSteps(int64_t k_bytes) {
  return (k_bytes + 3) / 4;
}
// Columns with the padding up to a whole panel.
int64_t PaddedByteColumns(const ByteVariant& variant, int64_t n);
size_t PackedByteBytes(const ByteVariant& variant, const ByteMatrix& b);
// Writes the panels and, for each column, the sum of its bytes (PaddedByteColumns numbers). Where
// `subtract` is given, one number for each column or `subtract_step` 0 for one for all, it is taken away
// from the bytes first; the results must be in the range of int8.
void PackBytes(const ByteVariant& variant, const ByteMatrix& b, const int32_t* subtract,
               int64_t subtract_step, int8_t* panels, int32_t* column_sums, ThreadPool& threads);
// Whether all bytes less their zero point are in the range of int8.
bool FitsSigned(const ByteMatrix& b, const int32_t* zero, int64_t zero_step);

struct ByteProduct {
  const ByteVariant* variant = nullptr;
  bool a_signed = false;
  int64_t taps = 1;
  int64_t k_bytes = 0;  // bytes of a tap, a multiple of 4 may be read
  int64_t n = 0;
  const int8_t* panels = nullptr;
  // PaddedByteColumns numbers each; see ByteTile.
  const int32_t* start = nullptr;
  const int32_t* b_zero = nullptr;
  const float* scale = nullptr;
  const float* bias = nullptr;
  ByteFinish finish{};
  void* c = nullptr;
  int64_t c_stride = 0;  // elements
};

// The start of the sums: bias[j] - za * column_sums[j] + terms * za * b_zero[j]; bias and b_zero may be null.
void ByteStart(const int32_t* column_sums, const int32_t* bias, const int32_t* b_zero, int32_t a_zero,
               int64_t terms, int64_t n, int64_t padded, int32_t* start);

inline constexpr int64_t kMostByteTaps = 256;

// Computes `rows` rows; locate(first, count, a) writes where the taps of rows first..first + count begin,
// a[tap * count + i]. Rows are read by whole quads. Cut into chunks whose borders depend on the sizes alone.
void RunByteProduct(const ByteProduct& product, int64_t rows,
                    FunctionRef<void(int64_t first, int64_t count, const uint8_t** a)> locate,
                    ThreadPool& threads);

// The range of a type of bytes around a zero point, for ByteFinish.
ByteFinish BytesOf(bool is_signed, int32_t zero);

}  // namespace ortolan::kernels
