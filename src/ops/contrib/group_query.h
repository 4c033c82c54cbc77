// What GroupQueryAttention's parts share: group_query_attention.cc reads the node and its sizes,
// group_query_run.cc runs it.
#pragma once

#include <memory>

#include "kernels/attention/attention.h"
#include "ops/op.h"

namespace ortolan::group_query {

enum Input : size_t {
  kQuery,
  kKey,
  kValue,
  kPastKey,
  kPastValue,
  kLengths,
  kTotal,
  kCos,
  kSin,
  kPositions,
  kScoreBias,
  kSink,
  kKeyScale,
  kValueScale,
  kQueryNorm,
  kKeyNorm
};
enum Output : size_t { kY, kPresentKey, kPresentValue, kScores };

struct State {
  int64_t heads, kv_heads;
  float scale, softcap, epsilon;
  int64_t window;  // keys that a query sees, its own one too; -1: all
  bool causal, rotary, interleaved, smooth;
  bool buffers;  // caches keep what stands behind their new rows, as SparseAttention's do
  bool quantized, sliding;
  bool four;  // bits of a number in a cache
  kernels::AttentionScores shown;
  DType dtype;
  const kernels::GemmVariant* gemm;
  const kernels::NormF32Variant* norm;
  std::unique_ptr<ThreadPool> serial;
};

// What is known where the sizes are.
struct Bound {
  kernels::AttentionPlan plan;
  int64_t batch, rows, heads, kv_heads, size;
  int64_t past, capacity;  // rows of the caches
  int64_t work;            // rows of keys that the run has together: the capacity, and a window's new ones
  bool packed;
  int64_t query_width, key_width;  // of one row of the inputs
  kernels::AttentionMask mask;
  // Offsets of what stands in scratch.
  size_t query_at, key_at, value_at, lengths_at, sinks_at, mask_at;
};

// The status does not name the operator.
Status RunStep(const State& state, const Bound& bound, RunContext& context);

}  // namespace ortolan::group_query
