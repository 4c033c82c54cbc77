// The plain side of the gemm room: what its ISA units (gemm_*_avx512.cc and so on) and its driver (gemm.cc)
// share. Only data and function pointers, so that nothing an ISA unit includes can be emitted as a weak
// symbol.
#pragma once

#include <cstdint>

#include "base/cpu.h"

namespace ortolan::kernels {

// One register tile: C[rows x n] = A[rows x k] * B[k x n], then bias and clamp. B is one packed panel, k rows
// of vectors * lanes elements; the columns past n are computed and not stored. Strides are in elements.
struct GemmTile {
  const float* a;
  int64_t a_stride;  // between rows; columns are adjacent
  const float* b;
  float* c;
  int64_t c_stride;
  int64_t k;
  int64_t n;            // columns to store, 1 <= n <= vectors * lanes
  const float* bias_n;  // one per column, or null
  const float* bias_m;  // one per row, or null
  float lower;
  float upper;
  bool clamp;
  bool accumulate;  // the sums start from C instead of 0: a later block of K
  // Where the panel that follows lies, or any other readable address: a cache line from there on is asked for
  // in each turn of the loop, so that it waits in L2 when its time comes.
  const float* next;
  // The same for the rows of A that follow, two cache lines in each turn: those of 16 rows, or any other
  // address.
  const float* next_a;
};
using GemmTileFunction = void (*)(const GemmTile& tile);

inline constexpr int kMostGemmRows = 14;
inline constexpr int kMostGemmVectors = 4;

struct GemmTileTable {
  GemmTileFunction of[kMostGemmVectors][kMostGemmRows];  // [vectors - 1][rows - 1]
};

// A few rows times a row-major matrix that is read in place, once: C[rows x n] += A[rows x k] * B[k x n]. For
// rows so few that packing B would cost more than it saves.
struct GemmRows {
  const float* a;
  int64_t a_stride;
  const float* b;
  int64_t b_stride;
  float* c;
  int64_t c_stride;
  int64_t k;
  int64_t n;
};
inline constexpr int kMostGemmFewRows = 7;

// A few rows times the transpose of a row-major matrix: C[i][j] = sum over k of A[i][k] * B[j][k], both read
// along k.
struct GemmDots {
  const float* a;
  int64_t a_stride;
  const float* b;
  int64_t b_stride;
  float* c;
  int64_t c_stride;
  int64_t m;
  int64_t n;
  int64_t k;
};

// A variant of pairs reads each float of its tiles' operands as two bfloat16, the earlier one along k in the
// low half: `k` of a tile counts pairs. B is packed as such, A copied as such; sums and C are floats.
struct GemmVariant {
  const char* name;
  Isa isa;
  int rows;     // of the largest tile
  int lanes;    // of one vector
  int columns;  // of a full panel: NR, a multiple of lanes
  bool pairs;
  GemmTileTable tiles;
  void (*few_rows[kMostGemmFewRows])(const GemmRows& work);
  void (*dots)(const GemmDots& work);
  // to[r * to_stride + c] = from[r * from_stride + c], zeros for columns <= c < padded.
  void (*copy)(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows,
               int64_t columns, int64_t padded);
  // to[r * to_stride + c] = elements 2 * c and 2 * c + 1 of row r as a pair, rounded to nearest even; zeros
  // behind the last element and for further pairs up to `padded`. Null without pairs.
  void (*copy_pairs)(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows,
                     int64_t columns, int64_t padded);
  // to[r * to_stride + c] = from[c * from_stride + r], zeros for columns <= c < padded.
  void (*transpose)(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows,
                    int64_t columns, int64_t padded);
};

#define ORTOLAN_GEMM_F32(identifier, isa) extern const GemmVariant identifier;
#include "kernels/gemm/variants.inc"
#undef ORTOLAN_GEMM_F32

#define ORTOLAN_GEMM_BF16(identifier) extern const GemmVariant identifier;
#include "kernels/gemm/bf16_variants.inc"
#undef ORTOLAN_GEMM_BF16

}  // namespace ortolan::kernels
