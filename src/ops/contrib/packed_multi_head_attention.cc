// PackedMultiHeadAttention: MultiHeadAttention of tokens without padding, which are padded for it.
#include "ops/compose.h"
#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  enum Input : size_t { kQuery, kKey, kValue, kBias, kOffsets, kSums, kScoreBias };
  Composer make(context);
  graph::Value *q = make.input(kQuery), *k = make.input(kKey), *v = make.input(kValue);
  if (!q->shape.has_rank()) return NotImplemented("PackedMultiHeadAttention of unknown rank");
  if (q->shape.rank() == 4) {
    // (tokens, heads, 3, size).
    const auto part = [&](int64_t which) {
      return make.Reshaped(make.Sliced(q, 2, which, which + 1), {0, -1});
    };
    graph::Value* query = part(0);
    k = part(1), v = part(2), q = query;
  }
  if (k == nullptr || v == nullptr)
    return InvalidArgument("PackedMultiHeadAttention: a query needs key and value");
  AttentionInputs inputs;
  inputs.q = Padded(make, q, make.input(kOffsets));
  inputs.k = Padded(make, k, make.input(kOffsets));
  inputs.v = Padded(make, v, make.input(kOffsets));
  if (make.input(kBias) != nullptr)
    ORTOLAN_RETURN_IF_ERROR(AddBiases(make, make.input(kBias), false, &inputs));
  inputs.mask = LengthsOf(make, make.input(kSums)), inputs.bias = make.input(kScoreBias);
  ORTOLAN_ASSIGN_OR_RETURN(const AttentionOutputs made, ComposeAttention(make, inputs, false, false));
  return make.Finish({Unpadded(make, made.y, make.input(kOffsets), make.input(kQuery))});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"query", "T"},
                                       {"key", "T", Arity::kOptional},
                                       {"value", "T", Arity::kOptional},
                                       {"bias", "T", Arity::kOptional},
                                       {"token_offset", "M"},
                                       {"cumulative_sequence_length", "M"},
                                       {"attention_bias", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"mask_filter_value", AttributeType::kFloat},
                                         {"num_heads", AttributeType::kInt, true},
                                         {"scale", AttributeType::kFloat}};

}  // namespace

extern const OpDef kMsPackedMultiHeadAttention;
constexpr OpDef kMsPackedMultiHeadAttention{.domain = "com.microsoft",
                                            .name = "PackedMultiHeadAttention",
                                            .versions = kVersions,
                                            .inputs = kInputs,
                                            .outputs = kOutputs,
                                            .types = kTypes,
                                            .attributes = kAttributes,
                                            .raise = Raise};

}  // namespace ortolan
