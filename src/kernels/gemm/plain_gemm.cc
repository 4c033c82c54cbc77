#include "kernels/gemm/plain_gemm.h"

#include <algorithm>
#include <iterator>
#include <type_traits>

#include "base/isa.h"

namespace ortolan::kernels {
namespace {

constexpr const PlainGemmVariant* kVariants[] = {
#define ORTOLAN_PLAIN_GEMM(identifier, isa) &identifier,
#include "kernels/gemm/plain_variants.inc"
#undef ORTOLAN_PLAIN_GEMM
};
constexpr Isa kVariantIsa[] = {
#define ORTOLAN_PLAIN_GEMM(identifier, isa) isa,
#include "kernels/gemm/plain_variants.inc"
#undef ORTOLAN_PLAIN_GEMM
};

// A panel of B is one cache line wide and 128 rows long: 8 KB on the stack, which stay in L1 while the rows
// pass.
constexpr int64_t kBlockK = 128;
// Rows that share a packed panel: packing an element costs about as much as multiplying it once.
constexpr int64_t kBlockRows = 64;

template <typename T>
PlainGemmTile<T> TileOf(const PlainGemmVariant& variant) {
  if constexpr (std::is_same_v<T, double>) {
    return variant.f64;
  } else if constexpr (sizeof(T) == 4) {
    return variant.u32;
  } else {
    return variant.u64;
  }
}

// Rows m0.. and one panel of columns n0.. of one item. T is double or unsigned here.
template <typename T>
void Block(PlainGemmTile<T> tile, const PlainGemm<T>& p, int64_t item, int64_t m0, int64_t n0) {
  constexpr int64_t kColumns = 64 / sizeof(T);
  alignas(64) T panel[kBlockK * kColumns];
  alignas(64) T sums[kPlainGemmRows * kColumns];
  const int64_t m1 = std::min(m0 + kBlockRows, p.m);
  const int64_t columns = std::min(kColumns, p.n - n0);
  const T* a = p.a + (p.a_offsets != nullptr ? p.a_offsets[item] : 0);
  const T* b = p.b + (p.b_offsets != nullptr ? p.b_offsets[item] : 0) + n0 * p.b_column;
  T* c = p.c + item * p.c_batch_stride + n0;
  for (int64_t m = m0; m < m1; ++m) std::fill_n(c + m * p.c_row, columns, T{0});
  for (int64_t k0 = 0; k0 < p.k; k0 += kBlockK) {
    const int64_t depth = std::min(kBlockK, p.k - k0);
    for (int64_t k = 0; k < depth; ++k) {
      const T* from = b + (k0 + k) * p.b_row;
      for (int64_t j = 0; j < kColumns; ++j)
        panel[k * kColumns + j] = j < columns ? from[j * p.b_column] : T{0};
    }
    for (int64_t m = m0; m < m1; m += kPlainGemmRows) {
      const int64_t rows = std::min<int64_t>(kPlainGemmRows, m1 - m);
      tile(a + m * p.a_row + k0 * p.a_column, p.a_row, p.a_column, panel, depth, rows, sums);
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j < columns; ++j) c[(m + i) * p.c_row + j] += sums[i * kColumns + j];
      }
    }
  }
}

template <typename T>
void RunUnsigned(const PlainGemmVariant& variant, const PlainGemm<T>& p, ThreadPool& threads) {
  if (p.batch <= 0 || p.m <= 0 || p.n <= 0) return;
  constexpr int64_t kColumns = 64 / sizeof(T);
  const int64_t panels = (p.n + kColumns - 1) / kColumns;
  const int64_t row_blocks = (p.m + kBlockRows - 1) / kBlockRows;
  // Blocks of 64 rows and one panel, joined to ranges of 1 MFLOP at least.
  const double block_flops =
      2.0 * static_cast<double>(std::min(kBlockRows, p.m)) * kColumns * static_cast<double>(p.k + 1);
  const auto grain = static_cast<int64_t>(std::max(1.0, 1e6 / block_flops));
  const PlainGemmTile<T> tile = TileOf<T>(variant);
  threads.ParallelRanges(p.batch * row_blocks * panels, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Block(tile, p, i / panels / row_blocks, i / panels % row_blocks * kBlockRows, i % panels * kColumns);
    }
  });
}

}  // namespace

const PlainGemmVariant& SelectPlainGemm(Isa isa) {
  for (size_t i = 0; i < std::size(kVariants); ++i) {
    if (kVariantIsa[i] <= isa) return *kVariants[i];
  }
  return *kVariants[std::size(kVariants) - 1];
}

std::span<const PlainGemmVariant* const> AllPlainGemm() {
  return kVariants;
}

template <typename T>
void RunPlainGemm(const PlainGemmVariant& variant, const PlainGemm<T>& product, ThreadPool& threads) {
  if constexpr (std::is_signed_v<T> && std::is_integral_v<T>) {
    using Unsigned = std::make_unsigned_t<T>;
    const PlainGemm<Unsigned> bits{product.batch,
                                   product.m,
                                   product.n,
                                   product.k,
                                   reinterpret_cast<const Unsigned*>(product.a),
                                   product.a_row,
                                   product.a_column,
                                   reinterpret_cast<const Unsigned*>(product.b),
                                   product.b_row,
                                   product.b_column,
                                   reinterpret_cast<Unsigned*>(product.c),
                                   product.c_row,
                                   product.a_offsets,
                                   product.b_offsets,
                                   product.c_batch_stride};
    RunUnsigned(variant, bits, threads);
  } else {
    RunUnsigned(variant, product, threads);
  }
}

template void RunPlainGemm(const PlainGemmVariant&, const PlainGemm<double>&, ThreadPool&);
template void RunPlainGemm(const PlainGemmVariant&, const PlainGemm<int32_t>&, ThreadPool&);
template void RunPlainGemm(const PlainGemmVariant&, const PlainGemm<int64_t>&, ThreadPool&);
template void RunPlainGemm(const PlainGemmVariant&, const PlainGemm<uint32_t>&, ThreadPool&);
template void RunPlainGemm(const PlainGemmVariant&, const PlainGemm<uint64_t>&, ThreadPool&);

}  // namespace ortolan::kernels
