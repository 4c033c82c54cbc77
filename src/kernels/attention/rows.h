// Which keys a row of queries sees and what stands between its products and probabilities: what both ways of
// running attention share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "base/half.h"
#include "kernels/attention/attention.h"

namespace ortolan::kernels {

struct KeyRange {
  int64_t begin = 0;
  int64_t end = 0;
};

// A row of one query head. Keys are {0, 0} where it sees none.
struct AttentionRow {
  int64_t head = 0, query = 0;
  int64_t position = 0;  // among the keys
  KeyRange keys;
};

inline AttentionRow AttentionRowOf(const AttentionProblem& p, const AttentionOperands& o, int64_t item,
                                   int64_t head, int64_t query) {
  const int64_t valid = o.valid_keys != nullptr ? o.valid_keys[item] : p.keys;
  AttentionRow made;
  made.head = head;
  made.query = query;
  made.position = made.query + (o.offset >= 0 ? o.offset : valid - p.queries);
  made.keys = {0, p.keys};
  KeyRange& keys = made.keys;
  if (o.valid_keys != nullptr) keys.end = std::min(keys.end, valid);
  if (p.causal) keys.end = std::min(keys.end, made.position + 1);
  if (p.right >= 0) keys.end = std::min(keys.end, made.position + p.right + 1);
  if (o.mask.type != AttentionMask::Type::kNone) keys.end = std::min(keys.end, o.mask.columns);
  if (p.left >= 0) keys.begin = std::max<int64_t>(0, made.position - p.left);
  if (keys.end <= keys.begin) keys = {0, 0};
  return made;
}

// Row `row` of those of all query heads that share key head `kv_head`.
inline AttentionRow AttentionRowAt(const AttentionProblem& p, const AttentionOperands& o, int64_t item,
                                   int64_t kv_head, int64_t row) {
  return AttentionRowOf(p, o, item, kv_head * (p.heads / p.kv_heads) + row / p.queries, row % p.queries);
}

// The one that follows: without the divisions of the above, which count where a row has little work.
inline AttentionRow AttentionRowAfter(const AttentionProblem& p, const AttentionOperands& o, int64_t item,
                                      const AttentionRow& row) {
  return row.query + 1 < p.queries ? AttentionRowOf(p, o, item, row.head, row.query + 1)
                                   : AttentionRowOf(p, o, item, row.head + 1, 0);
}

// Where the mask has its element of key 0 for the row.
inline int64_t AttentionMaskAt(const AttentionMask& mask, int64_t item, const AttentionRow& row) {
  if (mask.period > 0) item %= mask.period;
  return item * mask.batch + row.head * mask.head + row.query * mask.row;
}

template <typename Real>
void CapScores(double softcap, int64_t count, Real* scores) {
  const Real cap = static_cast<Real>(softcap);
  for (int64_t j = 0; j < count; ++j) scores[j] = cap * std::tanh(scores[j] / cap);
}

template <typename M, typename Real>
void AddMaskRow(const M* mask, int64_t stride, int64_t count, Real* scores) {
  const auto number = [](M item) {
    if constexpr (std::is_arithmetic_v<M>)
      return static_cast<Real>(item);
    else
      return static_cast<Real>(static_cast<float>(item));
  };
  if (stride == 1) {
    for (int64_t j = 0; j < count; ++j) scores[j] += number(mask[j]);
  } else {
    for (int64_t j = 0; j < count; ++j) scores[j] += number(mask[j * stride]);
  }
}

// Adds the mask over `keys` of the row; scores[0] is that of key keys.begin.
template <typename Real>
void AddAttentionMask(const AttentionMask& mask, int64_t item, const AttentionRow& row, KeyRange keys,
                      Real* scores) {
  const int64_t at = AttentionMaskAt(mask, item, row) + keys.begin * mask.column;
  const int64_t count = keys.end - keys.begin;
  switch (mask.type) {
    case AttentionMask::Type::kNone:
      return;
    case AttentionMask::Type::kBool: {
      const auto* seen = static_cast<const uint8_t*>(mask.data) + at;
      for (int64_t j = 0; j < count; ++j)
        scores[j] = seen[j * mask.column] != 0 ? scores[j] : -std::numeric_limits<Real>::infinity();
      return;
    }
    case AttentionMask::Type::kF32:
      return AddMaskRow(static_cast<const float*>(mask.data) + at, mask.column, count, scores);
    case AttentionMask::Type::kF16:
      return AddMaskRow(static_cast<const Float16*>(mask.data) + at, mask.column, count, scores);
    case AttentionMask::Type::kBF16:
      return AddMaskRow(static_cast<const BFloat16*>(mask.data) + at, mask.column, count, scores);
    case AttentionMask::Type::kF64:
      return AddMaskRow(static_cast<const double*>(mask.data) + at, mask.column, count, scores);
  }
}

}  // namespace ortolan::kernels
