// What NGramHashMapping and VarlenNGramHashMapping share.
#pragma once

#include <utility>

#include "base/function_ref.h"
#include "ops/op.h"

namespace ortolan {

struct NGramForm {
  int64_t most = 0;   // tokens of the longest n-gram
  int64_t heads = 0;  // hashes for each n
  int64_t pad = 0;
  int64_t capacity = 0;  // states behind first tokens
  bool reset = false;    // histories end at an end-of-sequence token
};
Result<NGramForm> ReadNGramForm(const graph::Attributes& attributes);

// Where a node has its optional inputs; input 0 are the tokens, 1 the multipliers, 2 the sizes of tables.
inline constexpr size_t kNoInput = 99;
struct NGramInputs {
  size_t past = kNoInput, offsets = kNoInput, end = kNoInput, segments = kNoInput;
  size_t past_segments = kNoInput, captured = kNoInput;
};
Status CheckNGrams(const NGramForm& form, const NGramInputs& at, int64_t batch, const RunContext& context);

// Writes all outputs; range(b) is where the tokens of sequence b stand.
Status HashNGrams(const NGramForm& form, const NGramInputs& at, int64_t batch,
                  FunctionRef<std::pair<int64_t, int64_t>(int64_t)> range, RunContext& context);

}  // namespace ortolan
