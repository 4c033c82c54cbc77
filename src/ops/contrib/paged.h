// What the attentions over paged caches share (PagedAttention, SparsePagedAttention): tokens of several
// sequences one behind the other, keys and values in blocks that a table names, and which of them a token
// sees. Computed row by row in float. Refuses tables, slots and selections that point outside of what there
// is.
#pragma once

#include "ops/op.h"

namespace ortolan {

// Which input is which; 0 where the operator has none (input 0 is always the query).
struct PagedInputs {
  size_t key = 1, value = 2, key_cache = 3, value_cache = 4, offsets = 5, past = 6, table = 7;
  size_t cosine = 0, sine = 0, slots = 0, sink = 0, query_norm = 0, key_norm = 0, key_scale = 0,
         value_scale = 0;
  // Of SparsePagedAttention.
  size_t selected = 0, counts = 0, other_key = 0, other_value = 0, other_lengths = 0;
};

Status InferPaged(InferContext& context, const PagedInputs& inputs);
Status PreparePaged(PrepareContext& context, const PagedInputs& inputs, Prepared* prepared);

}  // namespace ortolan
