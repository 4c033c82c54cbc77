// DecoderMaskedMultiHeadAttention: MultiHeadAttention of one new token, whose caches may lie in larger
// buffers and be those of other beams.
#include "ops/compose.h"
#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

using graph::Value;
enum Input : size_t {
  kQuery,
  kKey,
  kValue,
  kMask,
  kScoreBias,
  kPastKey,
  kPastValue,
  kPastLength,
  kBeamWidth,
  kBeams,
  kBias
};

// Caches in buffers, of this beam alone: the new rows are written into them (or into a copy of them, where
// they are read elsewhere) and attention reads as many rows as there are then.
Status InBuffers(Composer& make, const AttentionInputs& inputs) {
  const int64_t heads = make.composed().attributes.Int("num_heads", 0);
  if (heads < 1) return InvalidArgument("DecoderMaskedMultiHeadAttention: num_heads {}", heads);
  Value* batch = make.Sizes(inputs.q, 0, 1);
  Value* length = make.Reshaped(make.Cast(make.input(kPastLength), DType::kInt64), {1});
  const auto each = [&](Value* value) { return make.Node("Expand", {value, batch}); };
  Value* places = each(length);
  const auto written = [&](Value* cache, Value* x) {
    Value* rows = make.Node("Transpose", {make.Reshaped(x, {0, 0, heads, -1})},
                            {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
    return make.Node("TensorScatter", {cache, rows, places});
  };
  Value* keys = written(make.input(kPastKey), inputs.k);
  Value* values = written(make.input(kPastValue), inputs.v);
  Value* valid = each(make.Node("Add", {length, make.Sizes(inputs.k, 1, 2)}));
  std::vector<graph::Attributes::Item> items = {{"q_num_heads", heads}, {"kv_num_heads", heads}};
  const float scale = make.composed().attributes.Float("scale", 0.0f);
  if (scale != 0.0f) items.emplace_back("scale", scale);
  Value* y =
      make.Node("Attention", {inputs.q, keys, values, nullptr, nullptr, nullptr, valid}, std::move(items));
  return make.Finish({y, keys, values});
}

Status Raise(RaiseContext& context) {
  Composer make(context);
  AttentionInputs inputs;
  inputs.q = make.input(kQuery), inputs.k = make.input(kKey), inputs.v = make.input(kValue);
  if (inputs.k == nullptr) {
    ORTOLAN_ASSIGN_OR_RETURN(const int64_t width,
                             KnownDim(inputs.q, 2, "DecoderMaskedMultiHeadAttention: Q"));
    if (width % 3 != 0)
      return InvalidArgument("DecoderMaskedMultiHeadAttention: a packed width of {}", width);
    const Thirds qkv = SplitThirds(make, inputs.q, {width / 3, width / 3, width / 3}, 2);
    inputs.q = qkv.q, inputs.k = qkv.k, inputs.v = qkv.v;
  }
  if (inputs.v == nullptr || !inputs.k->shape.has_rank()) {
    return InvalidArgument("DecoderMaskedMultiHeadAttention: a key needs a value and a known rank");
  }
  const bool cross = inputs.k->shape.rank() == 4;
  if (make.input(kBias) != nullptr)
    ORTOLAN_RETURN_IF_ERROR(AddBiases(make, make.input(kBias), cross, &inputs));
  inputs.mask = make.input(kMask), inputs.bias = make.input(kScoreBias);
  const bool presents = make.Wants(1) || make.Wants(2);
  const bool simple = inputs.mask == nullptr && inputs.bias == nullptr && make.input(kBeams) == nullptr;
  if (!cross && simple && presents && !make.Wants(3) && make.input(kPastLength) != nullptr &&
      make.input(kPastKey) != nullptr && make.input(kPastValue) != nullptr)
    return InBuffers(make, inputs);
  Buffers buffers;
  if (!cross) {
    ORTOLAN_RETURN_IF_ERROR(ReadPast(
        make, {make.input(kPastKey), make.input(kPastValue), make.input(kPastLength), make.input(kBeams)},
        &inputs, &buffers));
  }
  ORTOLAN_ASSIGN_OR_RETURN(AttentionOutputs made, ComposeAttention(make, inputs, presents, make.Wants(3)));
  if (presents) WritePresent(make, buffers, &made);
  return make.Finish({made.y, made.present_k, made.present_v, made.scores});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"query", "T"},
                                       {"key", "T", Arity::kOptional},
                                       {"value", "T", Arity::kOptional},
                                       {"mask_index", "M", Arity::kOptional},
                                       {"attention_bias", "T", Arity::kOptional},
                                       {"past_key", "T", Arity::kOptional},
                                       {"past_value", "T", Arity::kOptional},
                                       {"past_sequence_length", "M", Arity::kOptional},
                                       {"beam_width", "M", Arity::kOptional},
                                       {"cache_indirection", "M", Arity::kOptional},
                                       {"bias", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"},
                                        {"present_key", "T", Arity::kOptional},
                                        {"present_value", "T", Arity::kOptional},
                                        {"qk", "QK", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"QK", kFloatTypes}, {"M", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"mask_filter_value", AttributeType::kFloat},
                                         {"num_heads", AttributeType::kInt, true},
                                         {"output_qk", AttributeType::kInt},
                                         {"past_present_share_buffer", AttributeType::kInt},
                                         {"scale", AttributeType::kFloat}};

}  // namespace

extern const OpDef kMsDecoderMaskedMultiHeadAttention;
constexpr OpDef kMsDecoderMaskedMultiHeadAttention{.domain = "com.microsoft",
                                                   .name = "DecoderMaskedMultiHeadAttention",
                                                   .versions = kVersions,
                                                   .inputs = kInputs,
                                                   .outputs = kOutputs,
                                                   .types = kTypes,
                                                   .attributes = kAttributes,
                                                   .raise = Raise};

}  // namespace ortolan
