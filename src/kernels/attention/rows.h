// Which keys a row of queries sees: what both ways of running attention share.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/attention/attention.h"

namespace ortolan::kernels {

struct KeyRange {
  int64_t begin = 0;
  int64_t end = 0;
};

// Row `row` of those of all query heads that share key head `kv_head`. {0, 0} where it sees none.
struct AttentionRow {
  int64_t head = 0, query = 0;
  KeyRange keys;
};

inline AttentionRow AttentionRowAt(const AttentionProblem& p, const AttentionOperands& o, int64_t item,
                                   int64_t kv_head, int64_t row) {
  const int64_t group = p.heads / p.kv_heads;
  AttentionRow made{kv_head * group + row / p.queries, row % p.queries, {0, p.keys}};
  const int64_t valid = o.valid_keys != nullptr ? o.valid_keys[item] : p.keys;
  const int64_t position = made.query + (o.offset >= 0 ? o.offset : valid - p.queries);
  KeyRange& keys = made.keys;
  if (o.valid_keys != nullptr) keys.end = std::min(keys.end, valid);
  if (p.causal) keys.end = std::min(keys.end, position + 1);
  if (p.right >= 0) keys.end = std::min(keys.end, position + p.right + 1);
  if (o.mask.type != AttentionMask::Type::kNone) keys.end = std::min(keys.end, o.mask.columns);
  if (p.left >= 0) keys.begin = std::max<int64_t>(0, position - p.left);
  if (keys.end <= keys.begin) keys = {0, 0};
  return made;
}

}  // namespace ortolan::kernels
