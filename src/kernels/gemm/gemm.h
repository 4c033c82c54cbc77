// Matrix products: C = A * B, batched, with an epilogue. MatMul, Gemm, recurrent layers, attention and 1x1
// convolutions all end here.
//
//   1. SelectGemmF32 chooses the kernel for an instruction set, when a model's plan is made.
//   2. PackGemmB brings a constant B into the form that the kernel streams, once; a B that changes is packed
//   panel by
//      panel while it is used, or read in place where A has few rows.
//   3. PlanGemm cuts a problem of known sizes into chunks, once per shape, and says how much scratch a run
//   needs.
//   4. RunGemm computes.
//
// Chunks depend on the problem alone and every element of C is summed in one fixed order, so results do not
// depend on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/cpu.h"
#include "kernels/elementwise/epilogue.h"
#include "kernels/gemm/gemm_kernel.h"
#include "threads/pool.h"

namespace ortolan::kernels {

enum class GemmElement : uint8_t { kF32, kF16, kBF16 };

// A matrix in memory. Strides in elements; exchanging them transposes.
struct GemmMatrix {
  const void* data = nullptr;
  int64_t row_stride = 0;
  int64_t column_stride = 1;
  GemmElement element = GemmElement::kF32;
};

// Everything that PlanGemm looks at; sizes and forms, no pointers into a run's memory.
struct GemmShape {
  int64_t batch = 1;
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  GemmMatrix a;  // data unused
  GemmMatrix b;  // data unused; of a packed B nothing is used
  bool b_packed = false;
};

// Matrix number i of an operand of batch item number i, or of number index[i] where there is an index
// (broadcast).
struct GemmBatch {
  int64_t stride = 0;  // elements from one matrix to the next; 0 where all items share one
  const int64_t* index = nullptr;

  int64_t Offset(int64_t item) const { return (index != nullptr ? index[item] : item) * stride; }
};

struct GemmOperands {
  const void* a = nullptr;
  const void* b = nullptr;  // as it lies, or what PackGemmB wrote
  float* c = nullptr;
  int64_t c_stride = 0;  // from row to row
  GemmBatch a_batch;
  GemmBatch b_batch;  // of a packed B the stride is PackedGemmBFloats
  int64_t c_batch_stride = 0;
  const Epilogue* epilogue = nullptr;
  // The last panel of B first, where panels are tiled: for a product that is repeated with the same B, whose
  // last panels are then still in cache.
  bool backwards = false;
};

struct GemmPlan {
  enum class Path : uint8_t {
    kNothing,
    kTiles,    // register tiles over panels of B
    kFewRows,  // m <= 7, B row-major, read in place
    kDots,     // m <= 7 and B transposed in place, or n = 1: both operands run along k
  };
  Path path = Path::kNothing;
  GemmShape shape;
  int64_t strips = 0;  // the rows, cut evenly into tiles
  int64_t strips_per_block = 0;
  int64_t row_blocks = 0;
  int64_t column_blocks = 0;
  int64_t items_per_chunk = 1;  // of the batch
  int64_t chunks = 0;
  int64_t depth = 0;  // steps along k: k, or pairs of it
  int64_t k_block = 0;
  bool copy_a =
      false;  // A cannot be read where it lies: transposed, of another type, or rows that collide in L1
  int64_t a_stride = 0;         // of the copy's rows
  int64_t a_shared_floats = 0;  // A is copied once, before the chunks begin; else every chunk copies its rows
  int64_t a_slot_floats = 0;
  int64_t b_slot_floats = 0;

  size_t slot_bytes() const { return static_cast<size_t>(a_slot_floats + b_slot_floats) * sizeof(float); }
  // The shared copy, and one slot for each chunk that can be at work at once.
  size_t ScratchBytes(int threads) const {
    return static_cast<size_t>(a_shared_floats) * sizeof(float) +
           slot_bytes() * static_cast<size_t>(chunks < threads ? chunks : threads);
  }
};

// The best variant that runs on `isa`.
const GemmVariant& SelectGemmF32(Isa isa);
// All of them, best first; those above the machine's level must not be run.
std::span<const GemmVariant* const> AllGemmF32();

// The best variant over pairs of bfloat16, or null where the machine has none. For products whose operands
// the model has as bfloat16: A is rounded to it, B must hold such numbers only (HoldsBFloat16). It multiplies
// matrices of n >= 2 columns whose B is packed, with A in float and adjacent columns; sums are in float.
const GemmVariant* SelectGemmBf16(Isa isa);
// Whether each of the numbers is one of bfloat16's; they may stand at any address.
bool HoldsBFloat16(const float* numbers, int64_t count);

// Panels [n / NR][k][NR], the last one only as wide as whole vectors cover; n = 1 is the bare column. Of
// pairs k is their number, the last one filled up with zero.
int64_t PackedGemmBFloats(const GemmVariant& variant, int64_t k, int64_t n);
// Writes PackedGemmBFloats floats (64-byte aligned) of the k x n matrix `b`, each multiplied by `scale`.
void PackGemmB(const GemmVariant& variant, const GemmMatrix& b, int64_t k, int64_t n, float scale,
               float* packed, ThreadPool& threads);

GemmPlan PlanGemm(const GemmVariant& variant, const GemmShape& shape);

// scratch: ScratchBytes(threads) bytes, 64-byte aligned; fewer slots than threads make threads wait, none
// where some are needed is the caller's mistake. C must overlap neither operand.
void RunGemm(const GemmVariant& variant, const GemmPlan& plan, const GemmOperands& operands,
             std::span<std::byte> scratch, ThreadPool& threads);

// The whole epilogue over a block of C outside a product: rows m0.. and columns n0.. of one item, the first
// of which is *c.
void ApplyEpilogue(const Epilogue& epilogue, float* c, int64_t c_stride, int64_t item, int64_t m0,
                   int64_t rows, int64_t n0, int64_t columns);

// RunGemm with sums in double precision, row by row, epilogue's bias and clamp included; for tests. B as it
// lies, unpacked.
void ReferenceGemm(const GemmShape& shape, const GemmOperands& operands);

}  // namespace ortolan::kernels
