// SparseAttention: GroupQueryAttention in which each head sees some blocks of keys alone: rows of blocks in
// compressed form, one layout for every few heads. It becomes GroupQueryAttention with a bias of minus
// infinity where nothing is seen.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  enum Input : size_t {
    kQuery,
    kKey,
    kValue,
    kPastKey,
    kPastValue,
    kRows,
    kColumns,
    kTotal,
    kLengths,
    kCos,
    kSin
  };
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t heads = attributes.Int("num_heads", 0);
  Composer make(context);
  const DType type = make.input(kQuery)->type.dtype;
  graph::Value* total = make.Reshaped(make.input(kTotal), {1});
  graph::Value* rows = make.Sizes(make.input(kQuery), 1, 2);
  graph::Value* bias = make.Node(
      "ortolan::SparseAttentionBias",
      {make.input(kRows), make.input(kColumns), total, make.input(kLengths), make.Cast(rows, DType::kInt32)},
      {{"num_heads", heads}, {"sparse_block_size", attributes.Int("sparse_block_size", 0)}});
  graph::Value* lengths = make.Node("Sub", {make.input(kLengths), make.Constant(Tensor::Scalar<int32_t>(1))});
  const auto made =
      make.Outputs(3, "com.microsoft::GroupQueryAttention",
                   {make.input(kQuery), make.input(kKey), make.input(kValue), make.input(kPastKey),
                    make.input(kPastValue), lengths, make.Node("Reshape", {total, make.Ints({})}),
                    make.input(kCos), make.input(kSin), nullptr, make.Cast(bias, type)},
                   {{"num_heads", heads},
                    {"kv_num_heads", attributes.Int("kv_num_heads", 0)},
                    {"ortolan_buffers", int64_t{1}},
                    {"scale", attributes.Float("scale", 0.0f)},
                    {"do_rotary", attributes.Int("do_rotary", 0)},
                    {"rotary_interleaved", attributes.Int("rotary_interleaved", 0)}});
  return make.Finish(made);
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"query", "T"},
                                       {"key", "T", Arity::kOptional},
                                       {"value", "T", Arity::kOptional},
                                       {"past_key", "T"},
                                       {"past_value", "T"},
                                       {"block_row_indices", "M"},
                                       {"block_col_indices", "M"},
                                       {"total_sequence_length", "M"},
                                       {"key_total_sequence_lengths", "M"},
                                       {"cos_cache", "T", Arity::kOptional},
                                       {"sin_cache", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}, {"present_key", "T"}, {"present_value", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {
    {"do_rotary", AttributeType::kInt},       {"kv_num_heads", AttributeType::kInt, true},
    {"num_heads", AttributeType::kInt, true}, {"rotary_interleaved", AttributeType::kInt},
    {"scale", AttributeType::kFloat},         {"sparse_block_size", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kMsSparseAttention;
constexpr OpDef kMsSparseAttention{.domain = "com.microsoft",
                                   .name = "SparseAttention",
                                   .versions = kVersions,
                                   .inputs = kInputs,
                                   .outputs = kOutputs,
                                   .types = kTypes,
                                   .attributes = kAttributes,
                                   .raise = Raise};

}  // namespace ortolan
