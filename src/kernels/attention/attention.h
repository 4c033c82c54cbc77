// Scaled dot product attention: softmax(Q K^T * scale + bias) V for each head, with the products on the gemm
// kernels and the softmax on the norm kernels. Queries and results of float are read and written where they
// stand.
//
// Many rows of queries go in strips over blocks of keys, and no score leaves the caches next to the core
// (stream.h). A few rows, as one step of decoding has them, see all keys at once and read keys and values
// where they lie; so do those whose scores are wanted, and doubles, in blocks of rows whose scores stay in
// L2. Keys that no query of a strip or block sees are neither multiplied nor read.
//
// Heads of queries that share a head of keys are rows of one product, so K and V are read once for them.
// Results do not depend on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/gemm/gemm.h"
#include "kernels/norm/norm.h"
#include "threads/pool.h"

namespace ortolan::kernels {

// Types of Q, K, V and the result. Half types compute in float and round once.
enum class AttentionElement : uint8_t { kF32, kF16, kBF16, kF64 };

// Rows of which every score is minus infinity are zero, as ONNX's Attention has it, and NaN where a score is;
// or NaN in both cases, as Softmax has it; or zero in both.
enum class AttentionNanRows : uint8_t { kKept, kNan, kZero };

struct AttentionProblem {
  int64_t batch = 0;
  int64_t heads = 0;  // of queries; a multiple of kv_heads
  int64_t kv_heads = 0;
  int64_t queries = 0;
  int64_t keys = 0;
  int64_t size = 0;  // of a query and of a key
  int64_t value_size = 0;
  double scale = 1;
  double softcap = 0;  // 0: none
  bool causal = false;
  AttentionNanRows nan_rows = AttentionNanRows::kKept;
  int64_t left = -1, right = -1;  // the window of keys around a query's position; -1: open
  AttentionElement element = AttentionElement::kF32;
  bool shows_scores = false;  // runs may ask for them
};

// What the fourth output of ONNX's Attention shows.
enum class AttentionScores : uint8_t { kNone, kProduct, kCapped, kBiased, kProbabilities };

// Rows of `size` elements; strides in elements. Only the elements of a key need not be adjacent.
struct AttentionTensor {
  void* data = nullptr;
  int64_t batch = 0, head = 0, row = 0;
  int64_t element = 1;
};

// Added to the scores, or for bool minus infinity where it is false. Strides are 0 where it is broadcast;
// keys past its columns are masked.
struct AttentionMask {
  enum class Type : uint8_t { kNone, kBool, kF32, kF16, kBF16, kF64 };
  Type type = Type::kNone;
  const void* data = nullptr;
  int64_t batch = 0, head = 0, row = 0;
  int64_t columns = 0;
  int64_t column = 1;  // stride: 1, or 0 where one number goes for a whole row
  int64_t period = 0;  // where it is set, batch item i takes that of item i % period
};

struct AttentionOperands {
  AttentionTensor q, k, v, y;
  AttentionMask mask;
  const int64_t* valid_keys = nullptr;  // of each batch item, or null: all
  // Keys before the first query's position: 0, the length of a cache, or where `valid_keys` is set
  // and this is negative, valid_keys - queries.
  int64_t offset = 0;
  const float* sinks = nullptr;  // of each head: a score of no key that takes part in the softmax; or null
  AttentionScores shown = AttentionScores::kNone;  // none unless the problem says that it shows them
  void* scores = nullptr;                          // batch x heads x queries x keys
};

// How rows of queries pass over blocks of keys: see stream.h.
struct AttentionStreamPlan {
  int64_t strips = 0;          // of all rows that share a head of keys: as many rows as the GEMM's tile has
  int64_t tasks_per_head = 0;  // each over as many strips
  int64_t rows_per_task = 0;   // at most
  int64_t key_block = 0;
  int64_t score_stride = 0;
  size_t slot_floats = 0;
  int slots = 1;

  size_t Bytes() const { return static_cast<size_t>(slots) * slot_floats * sizeof(float); }
};

struct AttentionPlan {
  AttentionProblem problem;
  const GemmVariant* gemm = nullptr;
  const NormF32Variant* norm = nullptr;
  bool streams = false;
  AttentionStreamPlan stream;
  // Where it does not stream:
  int64_t rows = 0;    // of one block
  int64_t blocks = 0;  // of one head of keys
  int64_t score_stride = 0;
  size_t gemm_bytes = 0;
  size_t slot_floats = 0;
  int slots = 1;
  size_t ScratchBytes() const;
};

AttentionPlan PlanAttention(const AttentionProblem& problem, const GemmVariant& gemm,
                            const NormF32Variant& norm, int threads);

// `serial` is a pool of one thread, for the products within a block. Stops early where cancelled() says so.
void RunAttention(const AttentionPlan& plan, const AttentionOperands& operands, std::byte* scratch,
                  ThreadPool& threads, ThreadPool& serial, FunctionRef<bool()> cancelled);

}  // namespace ortolan::kernels
