// What the indexers of sparse attention share (SparseAttentionIndexer, PackedSparseAttentionIndexer): small
// attentions that choose for each token which keys the attention behind them reads. Under policy qsa blocks
// of tokens are pooled by their mean and the best blocks' tokens are chosen, under csa windows of tokens are
// folded into one entry by a softmax over two windows and the best entries are chosen. All in float.
#pragma once

#include <vector>

#include "base/function_ref.h"
#include "ops/op.h"

namespace ortolan {

struct IndexerForm {
  bool folded = false;  // policy csa
  int64_t ratio = 1;    // tokens in a block or an entry
  int64_t take = 1;     // qsa: tokens of complete blocks, csa: entries
  float epsilon = 1e-6f;
  float scale = 0, head_scale = 0;  // 0: by the sizes

  // Places in a row of selected_indices.
  int64_t capacity() const { return folded ? take : take + ratio - 1; }
  // Numbers of a token's key, for heads of `size`.
  int64_t key_width(int64_t size) const { return folded ? 2 * size : size; }
};

// The attributes, checked.
Result<IndexerForm> ReadIndexerForm(const graph::Node& node);

// Cosines and sines by position, of all items or of each.
struct IndexerTables {
  const float *cosine = nullptr, *sine = nullptr;
  int64_t positions = 0, width = 0;
  int64_t item_stride = 0;  // 0: all items read the same
};
Result<IndexerTables> ReadIndexerTables(const IndexerForm& form, const TensorRef& cosine,
                                        const TensorRef& sine, int64_t batch, int64_t size);

// Heads of one size, how they are made ready and compared.
struct IndexerHeads {
  IndexerForm form;
  IndexerTables tables;
  int64_t heads = 1, size = 1;
  const float *query_norm = nullptr, *key_norm = nullptr;

  // to = turned(normalized(from) * norm); positions outside of the table read its first or last row.
  void Make(const float* from, const float* norm, int64_t item, int64_t position, float* to) const;
  // The heads of a query, one behind the other.
  void MakeQuery(const float* from, int64_t item, int64_t position, float* to) const;
  // The sum over heads of weight * ReLU(q . key); weights: null under qsa.
  float Score(const float* query, const float* weights, const float* key) const;
  // The mean of `ratio` raw keys, made ready.
  void Pool(FunctionRef<const float*(int64_t)> key, int64_t item, int64_t position, float* to) const;
  // One entry of its window's own keys and gates and of those of the window in front of it (null: there is
  // none), rows of 2 * size; bias: (ratio, 2 * size).
  void Fold(const float* keys, const float* gates, const float* keys_before, const float* gates_before,
            const float* bias, int64_t item, int64_t position, float* to) const;
};

// The places of the `take` best scores, best first, of equals the first one first.
std::vector<int64_t> BestScores(const std::vector<float>& scores, int64_t take);

// How a buffer of pending tokens and the new ones stand in windows.
struct WindowPlan {
  int64_t overlap = 0;  // tokens of the complete window in front
  int64_t windows = 0;  // complete ones that the new tokens close
  int64_t first = 0;    // the first token, of buffer and new ones, that stays in the buffer
  int64_t left = 0;     // tokens in the buffer afterwards
};
WindowPlan PlanWindows(int64_t ratio, int64_t buffered, int64_t tokens);

}  // namespace ortolan
