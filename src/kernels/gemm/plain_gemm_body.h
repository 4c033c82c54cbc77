// The tile of double and integer products, written once over the compilers' own vector types: whatever the
// element, four rows by one cache line of columns stay in registers over k.
#pragma once

#include "kernels/gemm/plain_gemm_kernel.h"

namespace ortolan::kernels {
namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <typename T, int kRows>
void PlainRows(const T* a, int64_t a_row, int64_t a_column, const T* b, int64_t k, T* sums) {
  typedef T Vector __attribute__((vector_size(kVectorBytes), aligned(sizeof(T)), may_alias));
  constexpr int kVectors = 64 / kVectorBytes;
  constexpr int kLanesOfVector = kVectorBytes / static_cast<int>(sizeof(T));
  Vector acc[kRows][kVectors] = {};
  for (; k > 0; --k, a += a_column, b += kVectors * kLanesOfVector) {
    for (int v = 0; v < kVectors; ++v) {
      const Vector bv = *reinterpret_cast<const Vector*>(b + v * kLanesOfVector);
      for (int i = 0; i < kRows; ++i) acc[i][v] += a[i * a_row] * bv;
    }
  }
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      *reinterpret_cast<Vector*>(sums + (i * kVectors + v) * kLanesOfVector) = acc[i][v];
    }
  }
}

template <typename T>
void PlainTile(const T* a, int64_t a_row, int64_t a_column, const T* b, int64_t k, int64_t rows, T* sums) {
  switch (rows) {
    case 1:
      return PlainRows<T, 1>(a, a_row, a_column, b, k, sums);
    case 2:
      return PlainRows<T, 2>(a, a_row, a_column, b, k, sums);
    case 3:
      return PlainRows<T, 3>(a, a_row, a_column, b, k, sums);
    default:
      return PlainRows<T, 4>(a, a_row, a_column, b, k, sums);
  }
}

constexpr PlainGemmVariant MakePlainGemmVariant(const char* name, Isa isa) {
  return {name, isa, &PlainTile<double>, &PlainTile<uint32_t>, &PlainTile<uint64_t>};
}

}  // namespace
}  // namespace ortolan::kernels
