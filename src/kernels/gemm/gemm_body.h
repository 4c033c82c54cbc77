// The f32 GEMM kernels, written once over simd/vec.h and compiled by each ISA unit.
//
// The tile: a rows x (vectors * lanes) block of C stays in registers over the whole of k. Each step loads one
// packed row of B and broadcasts one element of each row of A, which is read where it lies. 14x32 on AVX-512
// fills 28 of 32 registers with sums and needs 16 loads for 28 FMA; 6x16 on AVX2 fills 12 of 16 and needs 8
// loads for 12 FMA; 6x16 on NEON fills 24 of 32 and needs 10 loads for 24 FMA.
#pragma once

#include "kernels/gemm/gemm_kernel.h"
#include "simd/vec.h"

// The loops over a tile must vanish before the compiler assigns registers.
#if defined(__clang__)
#define ORTOLAN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define ORTOLAN_UNROLL _Pragma("GCC unroll 32")
#endif

namespace ortolan::kernels {
namespace {

// sum + a * b, or of pairs sum + a1 * b1 + a0 * b0. The processor's bfloat16 products are exact, each of the
// two additions rounds to nearest even, and numbers below 2^-126, in operands and sums, count as zero.
inline __attribute__((always_inline)) F32 MultiplyAdd(F32 a, F32 b, F32 sum) {
#if defined(ORTOLAN_GEMM_PAIRS)
  return {_mm512_dpbf16_ps(sum.v, (__m512bh)a.v, (__m512bh)b.v)};
#else
  return Fma(a, b, sum);
#endif
}

// Independent chains of sums along k. An FMA takes 4 cycles and two start in each, so 8 sums must be in
// flight; few rows have fewer sums than that and split k. Any rows >= 3 split alike, since one product uses
// tiles of several heights and its rows shall all be summed in the same order.
constexpr int SumSets(int rows, int vectors) {
  if (kLanes == 1) return 1;
  if (rows <= 2) return rows * vectors >= 4 ? 2 : 4;
  return vectors == 1 ? 2 : 1;
}

// Packed rows of B ahead of use that are asked for: the panel comes from L2, 14 cycles away at best, or from
// memory.
constexpr int kPrefetchSteps = 24;

template <int kRows, int kVectors>
struct TileSums {
  F32 of[kRows][kVectors];
};

// One step of k. Rows of A are addressed from a pointer for each three of them, a[g] + {0, 1, 2} * stride,
// which x86 encodes without further registers; one pointer a row would spill.
template <int kRows, int kVectors>
inline __attribute__((always_inline)) void TileStep(TileSums<kRows, kVectors>& sums, const float* const* a,
                                                    int64_t a_stride, const float* b, int step) {
  F32 bv[kVectors];
  ORTOLAN_UNROLL
  for (int v = 0; v < kVectors; ++v) bv[v] = Load(b + (step * kVectors + v) * kLanes);
  ORTOLAN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    const F32 av = Set(a[i / 3][(i % 3) * a_stride + step]);
    ORTOLAN_UNROLL
    for (int v = 0; v < kVectors; ++v) sums.of[i][v] = MultiplyAdd(av, bv[v], sums.of[i][v]);
  }
}

// Bias, clamp and store of a finished tile; each question is asked once a tile.
template <int kRows, int kVectors>
inline __attribute__((always_inline)) void FinishTile(const GemmTile& tile, TileSums<kRows, kVectors>& sums) {
  const int64_t n = tile.n, c_stride = tile.c_stride;
  float* const c = tile.c;
  if (tile.bias_n != nullptr) {
    ORTOLAN_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const int64_t left = n - v * kLanes;
      const F32 bias = LoadN(tile.bias_n + v * kLanes, left < 0 ? 0 : left);
      ORTOLAN_UNROLL
      for (int i = 0; i < kRows; ++i) sums.of[i][v] = sums.of[i][v] + bias;
    }
  }
  if (tile.bias_m != nullptr) {
    ORTOLAN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const F32 bias = Set(tile.bias_m[i]);
      ORTOLAN_UNROLL
      for (int v = 0; v < kVectors; ++v) sums.of[i][v] = sums.of[i][v] + bias;
    }
  }
  if (tile.clamp) {
    const F32 lower = Set(tile.lower), upper = Set(tile.upper);
    ORTOLAN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      ORTOLAN_UNROLL
      for (int v = 0; v < kVectors; ++v)
        sums.of[i][v] = Min(upper, Max(lower, sums.of[i][v]));  // in this order NaN stays NaN
    }
  }
  if (n == kVectors * kLanes) {
    ORTOLAN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      ORTOLAN_UNROLL
      for (int v = 0; v < kVectors; ++v) Store(c + i * c_stride + v * kLanes, sums.of[i][v]);
    }
    return;
  }
  ORTOLAN_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    const int64_t left = n - v * kLanes;
    if (left <= 0) break;
    ORTOLAN_UNROLL
    for (int i = 0; i < kRows; ++i) StoreN(c + i * c_stride + v * kLanes, sums.of[i][v], left);
  }
}

template <int kRows, int kVectors>
void Tile(const GemmTile& tile) {
  constexpr int kSets = SumSets(kRows, kVectors);
  constexpr int kSteps =
      kSets > 2 ? kSets : 2;  // of k in one turn: with 4 the addresses no longer fit in registers
  constexpr int kWidth = kVectors * kLanes;
  TileSums<kRows, kVectors> sums[kSets];
  ORTOLAN_UNROLL
  for (int s = 0; s < kSets; ++s) {
    ORTOLAN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      ORTOLAN_UNROLL
      for (int v = 0; v < kVectors; ++v) sums[s].of[i][v] = Zero();
    }
  }
  if (tile.accumulate) {
    ORTOLAN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      ORTOLAN_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        const int64_t left = tile.n - v * kLanes;
        sums[0].of[i][v] = LoadN(tile.c + i * tile.c_stride + v * kLanes, left < 0 ? 0 : left);
      }
    }
  }

  constexpr int kPointers = (kRows + 2) / 3;
  const float* a[kPointers];
  ORTOLAN_UNROLL
  for (int g = 0; g < kPointers; ++g) a[g] = tile.a + 3 * g * tile.a_stride;
  const float* b = tile.b;
  const float* next = tile.next;
  [[maybe_unused]] const float* next_a = tile.next_a;
  // C is written when k is through: by then its lines are here, a row asked for in each of the first turns.
  // Without, the stores of one tile wait for memory while the next one's fill the store queue: up to a fifth
  // of the time where k is short.
  const float* c = tile.c;
  const int64_t a_stride = tile.a_stride, c_stride = tile.c_stride;
  int64_t k = tile.k;
  const int64_t k_behind_c = k - (kRows - 1) * kSteps;
  for (; k >= kSteps; k -= kSteps) {
    __builtin_prefetch(next, 0, 2);
    next += 16;
    ORTOLAN_UNROLL
    for (int line = 0; line * 16 < kWidth; ++line) __builtin_prefetch(c + line * 16, 1, 2);
    if (k > k_behind_c) c += c_stride;
    if constexpr (kRows > 2) {  // fewer rows have their loads full with B
      __builtin_prefetch(next_a, 0, 2);
      __builtin_prefetch(next_a + 16, 0, 2);
      next_a += 32;
    }
    ORTOLAN_UNROLL
    for (int s = 0; s < kSteps; ++s) {
      ORTOLAN_UNROLL
      for (int line = 0; line * 16 < kWidth; ++line) {
        if (s * kWidth % 16 == 0) __builtin_prefetch(b + (kPrefetchSteps + s) * kWidth + line * 16);
      }
      TileStep<kRows, kVectors>(sums[s % kSets], a, a_stride, b, s);
    }
    ORTOLAN_UNROLL
    for (int g = 0; g < kPointers; ++g) a[g] += kSteps;
    b += kSteps * kWidth;
  }
  for (; k > 0; --k) {
    TileStep<kRows, kVectors>(sums[0], a, a_stride, b, 0);
    ORTOLAN_UNROLL
    for (int g = 0; g < kPointers; ++g) a[g] += 1;
    b += kWidth;
  }

  ORTOLAN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    ORTOLAN_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      F32& sum = sums[0].of[i][v];
      if constexpr (kSets == 2) sum = sum + sums[1].of[i][v];
      if constexpr (kSets == 4) sum = (sum + sums[1].of[i][v]) + (sums[2].of[i][v] + sums[3].of[i][v]);
    }
  }
  FinishTile(tile, sums[0]);
}

template <int kRows, int kVectors>
constexpr void FillTiles(GemmTileTable& table) {
  table.of[kVectors - 1][kRows - 1] = &Tile<kRows, kVectors>;
  if constexpr (kRows > 1) FillTiles<kRows - 1, kVectors>(table);
}
template <int kRows, int kVectors>
constexpr void FillPanels(GemmTileTable& table) {
  FillTiles<kRows, kVectors>(table);
  if constexpr (kVectors > 1) FillPanels<kRows, kVectors - 1>(table);
}

// Columns of C that stay in L1 while the rows of B pass: 2048 floats of one row are 8 KB.
constexpr int64_t kFewRowsColumns = 2048;

// C += A * B over `kDepth` rows of B at a time: C is loaded and stored once for them, and as many streams of
// B run.
template <int kRows, int kDepth>
inline __attribute__((always_inline)) void FewRowsBlock(const GemmRows& work, int64_t k0, int64_t n0,
                                                        int64_t n1) {
  const float* a = work.a + k0;
  const float* b = work.b + k0 * work.b_stride;
  for (int64_t j = n0; j < n1; j += kLanes) {
    const int64_t count = n1 - j < kLanes ? n1 - j : kLanes;
    const bool whole = count == kLanes;
    F32 sums[kRows];
    ORTOLAN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const float* c = work.c + i * work.c_stride + j;
      sums[i] = whole ? Load(c) : LoadN(c, count);
    }
    ORTOLAN_UNROLL
    for (int d = 0; d < kDepth; ++d) {
      const float* row = b + d * work.b_stride + j;
      const F32 bv = whole ? Load(row) : LoadN(row, count);
      // The rows of the next turn: each piece of a row is too short for the hardware to find its stream.
      __builtin_prefetch(row + kDepth * work.b_stride);
      ORTOLAN_UNROLL
      for (int i = 0; i < kRows; ++i) sums[i] = Fma(Set(a[i * work.a_stride + d]), bv, sums[i]);
    }
    ORTOLAN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      float* c = work.c + i * work.c_stride + j;
      if (whole) {
        Store(c, sums[i]);
      } else {
        StoreN(c, sums[i], count);
      }
    }
  }
}

template <int kRows>
void FewRows(const GemmRows& work) {
  constexpr int kDepth = kRows <= 2 ? 8 : 4;
  for (int64_t n0 = 0; n0 < work.n; n0 += kFewRowsColumns) {
    const int64_t n1 = work.n - n0 < kFewRowsColumns ? work.n : n0 + kFewRowsColumns;
    int64_t k = 0;
    for (; k + kDepth <= work.k; k += kDepth) FewRowsBlock<kRows, kDepth>(work, k, n0, n1);
    for (; k < work.k; ++k) FewRowsBlock<kRows, 1>(work, k, n0, n1);
  }
}

// kM x kN dot products at once, each over two vectors of k in flight.
template <int kM, int kN>
inline __attribute__((always_inline)) void DotBlock(const GemmDots& work, int64_t i0, int64_t j0) {
  F32 sums[kM][kN];
  ORTOLAN_UNROLL
  for (int i = 0; i < kM; ++i) {
    ORTOLAN_UNROLL
    for (int j = 0; j < kN; ++j) sums[i][j] = Zero();
  }
  const float* a = work.a + i0 * work.a_stride;
  const float* b = work.b + j0 * work.b_stride;
  int64_t k = 0;
  for (; k + kLanes <= work.k; k += kLanes) {
    F32 av[kM];
    ORTOLAN_UNROLL
    for (int i = 0; i < kM; ++i) av[i] = Load(a + i * work.a_stride + k);
    ORTOLAN_UNROLL
    for (int j = 0; j < kN; ++j) {
      const F32 bv = Load(b + j * work.b_stride + k);
      ORTOLAN_UNROLL
      for (int i = 0; i < kM; ++i) sums[i][j] = Fma(av[i], bv, sums[i][j]);
    }
  }
  if (const int64_t left = work.k - k; left > 0) {
    ORTOLAN_UNROLL
    for (int j = 0; j < kN; ++j) {
      const F32 bv = LoadN(b + j * work.b_stride + k, left);
      ORTOLAN_UNROLL
      for (int i = 0; i < kM; ++i) sums[i][j] = Fma(LoadN(a + i * work.a_stride + k, left), bv, sums[i][j]);
    }
  }
  ORTOLAN_UNROLL
  for (int i = 0; i < kM; ++i) {
    ORTOLAN_UNROLL
    for (int j = 0; j < kN; ++j) work.c[(i0 + i) * work.c_stride + j0 + j] = ReduceAdd(sums[i][j]);
  }
}

template <int kM>
inline __attribute__((always_inline)) void DotRows(const GemmDots& work, int64_t i0) {
  int64_t j = 0;
  for (; j + 4 <= work.n; j += 4) DotBlock<kM, 4>(work, i0, j);
  for (; j < work.n; ++j) DotBlock<kM, 1>(work, i0, j);
}

// With one column (n = 1, a matrix times a vector) rows of A take the place of rows of B. Every dot product
// is summed in the same order whatever block it falls into.
void Dots(const GemmDots& work) {
  int64_t i = 0;
  if (work.n == 1) {
    for (; i + 4 <= work.m; i += 4) DotBlock<4, 1>(work, i, 0);
    for (; i < work.m; ++i) DotBlock<1, 1>(work, i, 0);
    return;
  }
  for (; i + 2 <= work.m; i += 2) DotRows<2>(work, i);
  for (; i < work.m; ++i) DotRows<1>(work, i);
}

// Both take elements at any address: weights are packed from where a file has them.
void CopyRows(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows,
              int64_t columns, int64_t padded) {
  for (int64_t r = 0; r < rows; ++r, from += from_stride, to += to_stride) {
    int64_t c = 0;
    for (; c + kLanes <= columns; c += kLanes) Store(to + c, Load(from + c));
    if (c < columns) {
      const int64_t room = padded - c < kLanes ? padded - c : kLanes;
      StoreN(to + c, LoadN(from + c, columns - c), room);
      c += room;
    }
    for (; c < padded; ++c) to[c] = 0.0f;
  }
}

#if defined(ORTOLAN_GEMM_PAIRS)
void CopyPairs(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows,
               int64_t columns, int64_t padded) {
  constexpr int64_t kElements = 2 * kLanes;
  for (int64_t r = 0; r < rows; ++r, from += from_stride, to += to_stride) {
    for (int64_t c = 0; c < padded; c += kLanes) {
      const int64_t left = columns - 2 * c < 0 ? 0 : columns - 2 * c;
      const bool whole = left >= kElements;
      const F32 low = whole ? Load(from + 2 * c) : LoadN(from + 2 * c, left < kLanes ? left : kLanes);
      const int64_t rest = left < kLanes ? 0 : left - kLanes;
      const F32 high = whole ? Load(from + 2 * c + kLanes) : LoadN(from + 2 * c + kLanes, rest);
      const __m512 pairs = (__m512)_mm512_cvtne2ps_pbh(high.v, low.v);
      StoreN(to + c, {pairs}, padded - c < kLanes ? padded - c : kLanes);
    }
  }
}
#endif

#if defined(__AVX2__)
// An 8x8 block: to[r * to_stride + c] = from[c * from_stride + r].
inline void TransposeBlock(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  __m256 r[8], s[8];
  ORTOLAN_UNROLL
  for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(from + i * from_stride);
  ORTOLAN_UNROLL
  for (int i = 0; i < 8; i += 2) {
    s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  ORTOLAN_UNROLL
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xee);
  }
  ORTOLAN_UNROLL
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_ps(to + i * to_stride, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    _mm256_storeu_ps(to + (i + 4) * to_stride, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}
constexpr int64_t kTransposeBlock = 8;
#elif defined(ORTOLAN_NEON)
// A 4x4 block: pairs of neighbours, then pairs of pairs.
inline void TransposeBlock(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  const float32x4_t a = vld1q_f32(from), b = vld1q_f32(from + from_stride);
  const float32x4_t c = vld1q_f32(from + 2 * from_stride), d = vld1q_f32(from + 3 * from_stride);
  const float64x2_t ab_even = vreinterpretq_f64_f32(vtrn1q_f32(a, b));
  const float64x2_t ab_odd = vreinterpretq_f64_f32(vtrn2q_f32(a, b));
  const float64x2_t cd_even = vreinterpretq_f64_f32(vtrn1q_f32(c, d));
  const float64x2_t cd_odd = vreinterpretq_f64_f32(vtrn2q_f32(c, d));
  vst1q_f32(to, vreinterpretq_f32_f64(vtrn1q_f64(ab_even, cd_even)));
  vst1q_f32(to + to_stride, vreinterpretq_f32_f64(vtrn1q_f64(ab_odd, cd_odd)));
  vst1q_f32(to + 2 * to_stride, vreinterpretq_f32_f64(vtrn2q_f64(ab_even, cd_even)));
  vst1q_f32(to + 3 * to_stride, vreinterpretq_f32_f64(vtrn2q_f64(ab_odd, cd_odd)));
}
constexpr int64_t kTransposeBlock = 4;
#else
inline void TransposeBlock(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  for (int64_t r = 0; r < 4; ++r) {
    for (int64_t c = 0; c < 4; ++c)
      __builtin_memcpy(to + r * to_stride + c, from + c * from_stride + r, sizeof(float));
  }
}
constexpr int64_t kTransposeBlock = 4;
#endif

void TransposeRows(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows,
                   int64_t columns, int64_t padded) {
  const int64_t whole_rows = rows - rows % kTransposeBlock;
  const int64_t whole_columns = columns - columns % kTransposeBlock;
  for (int64_t r = 0; r < whole_rows; r += kTransposeBlock) {
    for (int64_t c = 0; c < whole_columns; c += kTransposeBlock) {
      TransposeBlock(from + c * from_stride + r, from_stride, to + r * to_stride + c, to_stride);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = r < whole_rows ? whole_columns : 0; c < columns; ++c)
      __builtin_memcpy(to + r * to_stride + c, from + c * from_stride + r, sizeof(float));
    for (int64_t c = columns; c < padded; ++c) to[r * to_stride + c] = 0.0f;
  }
}

template <int kRows, int kVectors>
constexpr GemmVariant MakeGemmVariant(const char* name, Isa isa) {
  static_assert(kRows <= kMostGemmRows && kVectors <= kMostGemmVectors);
  GemmVariant variant{};
  variant.name = name;
  variant.isa = isa;
  variant.rows = kRows;
  variant.lanes = kLanes;
  variant.columns = kVectors * kLanes;
  FillPanels<kRows, kVectors>(variant.tiles);
  variant.few_rows[0] = &FewRows<1>;
  variant.few_rows[1] = &FewRows<2>;
  variant.few_rows[2] = &FewRows<3>;
  variant.few_rows[3] = &FewRows<4>;
  variant.few_rows[4] = &FewRows<5>;
  variant.few_rows[5] = &FewRows<6>;
  variant.few_rows[6] = &FewRows<7>;
  variant.dots = &Dots;
  variant.copy = &CopyRows;
  variant.transpose = &TransposeRows;
#if defined(ORTOLAN_GEMM_PAIRS)
  variant.pairs = true;
  variant.copy_pairs = &CopyPairs;
#endif
  return variant;
}

}  // namespace
}  // namespace ortolan::kernels
