// SparseAttentionBias: what SparseAttention makes of its blocks: a bias of the scores, (batch, heads,
// queries, keys), 0 where a query sees a key's block and minus infinity elsewhere. Made by rewriting alone.
#include <algorithm>
#include <limits>

#include "ops/op.h"

namespace ortolan {
namespace {

enum Input : size_t { kRows, kColumns, kTotal, kLengths, kQueries };

struct State {
  int64_t heads, block;
};

Status Infer(InferContext& context) {
  context.SetType(0, DType::kFloat);
  const auto total = context.Ints(kTotal), queries = context.Ints(kQueries);
  const graph::Dim unknown = context.Unknown();
  const auto one = [&](const auto& known) { return known && known->size() == 1 ? (*known)[0] : unknown; };
  const graph::Dim keys = total && total->size() == 1 ? (*total)[0] : context.Unknown();
  const graph::Shape& lengths = context.shape(kLengths);
  context.SetShape(0, {lengths.has_rank() && lengths.rank() == 1 ? lengths[0] : context.Unknown(),
                       context.attributes().Int("num_heads", 0), one(queries), keys});
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef &rows = context.input(kRows), &columns = context.input(kColumns), &y = context.output(0);
  if (rows.rank() != 2 || columns.rank() != 2 || rows.dims[0] != columns.dims[0] || rows.dims[0] < 1 ||
      state.heads % rows.dims[0] != 0 || y.rank() != 4) {
    return InvalidArgument("SparseAttention: block_row_indices {} and block_col_indices {}",
                           DimsText(rows.dims), DimsText(columns.dims));
  }
  const int64_t layouts = rows.dims[0], most = columns.dims[1], blocks = rows.dims[1] - 1;
  const int64_t queries = y.dims[2], keys = y.dims[3];
  std::fill_n(y.As<float>(), y.count(), -std::numeric_limits<float>::infinity());
  for (int64_t b = 0; b < y.dims[0]; ++b) {
    const int64_t length = context.input(kLengths).As<const int32_t>()[b];
    const int64_t before = queries == keys ? 0 : length - queries;
    for (int64_t h = 0; h < state.heads; ++h) {
      const auto* row = rows.As<const int32_t>() + h % layouts * rows.dims[1];
      const auto* column = columns.As<const int32_t>() + h % layouts * most;
      for (int64_t q = 0; q < queries; ++q) {
        const int64_t at = (before + q) / state.block;
        if (at < 0 || at >= blocks)
          return InvalidArgument("SparseAttention: position {} has no block", before + q);
        float* to = y.As<float>() + ((b * state.heads + h) * queries + q) * keys;
        for (int64_t i = row[at]; i < row[at + 1]; ++i) {
          if (i < 0 || i >= most) return InvalidArgument("SparseAttention: block {} of {}", i, most);
          const int64_t first = column[i] * state.block;
          if (column[i] < 0 || first >= keys) continue;
          std::fill_n(to + first, std::min(state.block, keys - first), 0.0f);
        }
      }
    }
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const State state{context.node.attributes.Int("num_heads", 0),
                    context.node.attributes.Int("sparse_block_size", 0)};
  if (state.heads < 1 || state.block < 1 || state.block > INT32_MAX) {
    return InvalidArgument("SparseAttention: num_heads {} and sparse_block_size {}", state.heads,
                           state.block);
  }
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  prepared->kernel = "sparse_attention_bias";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"block_row_indices", "M"},
                                       {"block_col_indices", "M"},
                                       {"total_sequence_length", "M"},
                                       {"key_total_sequence_lengths", "M"},
                                       {"sequence_length", "M"}};
constexpr FormalParameter kOutputs[] = {{"bias", "T"}};
constexpr TypeConstraint kTypes[] = {{"M", SetOf(DType::kInt32)}, {"T", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"num_heads", AttributeType::kInt, true},
                                         {"sparse_block_size", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kSparseAttentionBias;
constexpr OpDef kSparseAttentionBias{.domain = "ortolan",
                                     .name = "SparseAttentionBias",
                                     .versions = kVersions,
                                     .inputs = kInputs,
                                     .outputs = kOutputs,
                                     .types = kTypes,
                                     .attributes = kAttributes,
                                     .infer = Infer,
                                     .prepare = Prepare};

}  // namespace ortolan
