// DecoderMaskedSelfAttention: the projections of one new token by merged weights, then
// DecoderMaskedMultiHeadAttention, with the caches of keys and values in one tensor. Refuses weights of
// unknown width.
#include "ops/compose.h"
#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

using graph::Value;

Status Raise(RaiseContext& context) {
  enum Input : size_t { kInput, kWeights, kBias, kMask, kPast, kScoreBias, kPastLength, kBeamWidth, kBeams };
  const graph::Attributes& attributes = context.node.attributes;
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t width,
                           KnownDim(make.input(kWeights), 1, "DecoderMaskedSelfAttention: weights"));
  if (width % 3 != 0) return InvalidArgument("DecoderMaskedSelfAttention: weights of {} columns", width);
  Value* projected = make.Node("MatMul", {make.input(kInput), make.input(kWeights)});
  projected = make.Node("Add", {projected, make.input(kBias)});
  Thirds qkv = SplitThirds(make, projected, {width / 3, width / 3, width / 3}, 2);
  const bool shared = attributes.Int("past_present_share_buffer", 0) != 0;
  if (attributes.Int("do_rotary", 0) != 0) {
    const int64_t heads = attributes.Int("num_heads", 0);
    if (heads < 1 || width / 3 % heads != 0) return InvalidArgument("num_heads {}", heads);
    const int64_t given = attributes.Int("rotary_embedding_dim", 0), size = width / 3 / heads;
    const int64_t turned = given > 0 ? given : size;
    if (turned > size || turned % 2 != 0) return InvalidArgument("rotary_embedding_dim {}", turned);
    Value* past = shared ? make.Reshaped(make.Cast(make.input(kPastLength), DType::kInt64), {1})
                         : make.Sizes(make.input(kPast), 3, 4);
    qkv.q = TurnedByPlace(make, qkv.q, past, heads, turned);
    qkv.k = TurnedByPlace(make, qkv.k, past, heads, turned);
  }
  AttentionInputs inputs;
  inputs.q = qkv.q, inputs.k = qkv.k, inputs.v = qkv.v;
  inputs.mask = make.input(kMask), inputs.bias = make.input(kScoreBias);
  const auto half = [&](int64_t which) {
    return make.Node("Squeeze", {make.Sliced(make.input(kPast), 0, which, which + 1), make.Ints({0})});
  };
  Buffers buffers;
  const PastInputs past{half(0), half(1), shared ? make.input(kPastLength) : nullptr, make.input(kBeams)};
  ORTOLAN_RETURN_IF_ERROR(ReadPast(make, past, &inputs, &buffers));
  ORTOLAN_ASSIGN_OR_RETURN(AttentionOutputs made, ComposeAttention(make, inputs, true, false));
  WritePresent(make, buffers, &made);
  Value* present = make.Node("Concat",
                             {make.Node("Unsqueeze", {made.present_k, make.Ints({0})}),
                              make.Node("Unsqueeze", {made.present_v, make.Ints({0})})},
                             {{"axis", int64_t{0}}});
  return make.Finish({made.y, present});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T"},
                                       {"weights", "T"},
                                       {"bias", "T"},
                                       {"mask_index", "M", Arity::kOptional},
                                       {"past", "T"},
                                       {"attention_bias", "T", Arity::kOptional},
                                       {"past_sequence_length", "M"},
                                       {"beam_width", "M", Arity::kOptional},
                                       {"cache_indirection", "M", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}, {"present", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"do_rotary", AttributeType::kInt},
                                         {"mask_filter_value", AttributeType::kFloat},
                                         {"num_heads", AttributeType::kInt, true},
                                         {"past_present_share_buffer", AttributeType::kInt},
                                         {"scale", AttributeType::kFloat}};

}  // namespace

extern const OpDef kMsDecoderMaskedSelfAttention;
constexpr OpDef kMsDecoderMaskedSelfAttention{.domain = "com.microsoft",
                                              .name = "DecoderMaskedSelfAttention",
                                              .versions = kVersions,
                                              .inputs = kInputs,
                                              .outputs = kOutputs,
                                              .types = kTypes,
                                              .attributes = kAttributes,
                                              .raise = Raise};

}  // namespace ortolan
