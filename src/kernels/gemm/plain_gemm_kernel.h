// The plain side of the kernels for double and the integers: what their ISA units and plain_gemm.cc share.
#pragma once

#include <cstdint>

#include "base/cpu.h"

namespace ortolan::kernels {

// sums[i * 64 / sizeof(T) + j] = sum over k of a[i * a_row + k * a_column] * b[k * 64 / sizeof(T) + j] for i
// < rows <= 4: one cache line of columns. Integers wrap around.
inline constexpr int kPlainGemmRows = 4;
template <typename T>
using PlainGemmTile = void (*)(const T* a, int64_t a_row, int64_t a_column, const T* b, int64_t k,
                               int64_t rows, T* sums);

struct PlainGemmVariant {
  const char* name;
  Isa isa;
  PlainGemmTile<double> f64;
  PlainGemmTile<uint32_t> u32;  // signed integers too: the bits of sums and products are the same
  PlainGemmTile<uint64_t> u64;
};

#define ORTOLAN_PLAIN_GEMM(identifier, isa) extern const PlainGemmVariant identifier;
#include "kernels/gemm/plain_variants.inc"
#undef ORTOLAN_PLAIN_GEMM

}  // namespace ortolan::kernels
