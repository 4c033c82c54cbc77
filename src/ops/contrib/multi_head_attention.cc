// MultiHeadAttention: ONNX's Attention of Q, K and V that may be packed into one or two tensors, with their
// biases, onnxruntime's masks, and caches that may lie in larger buffers and be those of other beams.
#include "ops/compose.h"
#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

using graph::Value;
enum Input : size_t {
  kQuery,
  kKey,
  kValue,
  kBias,
  kMask,
  kScoreBias,
  kPastKey,
  kPastValue,
  kPastLength,
  kBeams
};

// Part `which` of tensors packed along axis 3: (batch, rows, heads, parts, size) -> (batch, rows, heads *
// size).
Value* Unpacked(Composer& make, Value* packed, int64_t which) {
  return make.Reshaped(make.Sliced(packed, 3, which, which + 1), {0, 0, -1});
}

Status ReadTensors(Composer& make, AttentionInputs* inputs) {
  Value *query = make.input(kQuery), *key = make.input(kKey), *value = make.input(kValue);
  if (!query->shape.has_rank() || (key != nullptr && !key->shape.has_rank())) {
    return NotImplemented("MultiHeadAttention of tensors of unknown rank");
  }
  if (query->shape.rank() == 5) {
    inputs->q = Unpacked(make, query, 0), inputs->k = Unpacked(make, query, 1),
    inputs->v = Unpacked(make, query, 2);
  } else if (key == nullptr) {
    return InvalidArgument("MultiHeadAttention: a query of rank {} needs a key", query->shape.rank());
  } else if (key->shape.rank() == 5) {
    inputs->q = query, inputs->k = Unpacked(make, key, 0), inputs->v = Unpacked(make, key, 1);
  } else if (value == nullptr) {
    return InvalidArgument("MultiHeadAttention: a key of rank {} needs a value", key->shape.rank());
  } else {
    inputs->q = query, inputs->k = key, inputs->v = value;
  }
  return OkStatus();
}

Status Raise(RaiseContext& context) {
  Composer make(context);
  AttentionInputs inputs;
  ORTOLAN_RETURN_IF_ERROR(ReadTensors(make, &inputs));
  // Keys of an encoder, projected once, have their biases.
  const bool cross = inputs.k->shape.rank() == 4;
  if (make.input(kBias) != nullptr)
    ORTOLAN_RETURN_IF_ERROR(AddBiases(make, make.input(kBias), cross, &inputs));
  inputs.mask = make.input(kMask), inputs.bias = make.input(kScoreBias);
  inputs.causal = context.node.attributes.Int("unidirectional", 0) != 0;
  Buffers buffers;
  ORTOLAN_RETURN_IF_ERROR(ReadPast(
      make, {make.input(kPastKey), make.input(kPastValue), make.input(kPastLength), make.input(kBeams)},
      &inputs, &buffers));
  const bool presents = make.Wants(1) || make.Wants(2);
  ORTOLAN_ASSIGN_OR_RETURN(AttentionOutputs made, ComposeAttention(make, inputs, presents, make.Wants(3)));
  if (presents) WritePresent(make, buffers, &made);
  return make.Finish({made.y, made.present_k, made.present_v, made.scores});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"query", "T"},
                                       {"key", "T", Arity::kOptional},
                                       {"value", "T", Arity::kOptional},
                                       {"bias", "T", Arity::kOptional},
                                       {"key_padding_mask", "M", Arity::kOptional},
                                       {"attention_bias", "T", Arity::kOptional},
                                       {"past_key", "T", Arity::kOptional},
                                       {"past_value", "T", Arity::kOptional},
                                       {"past_sequence_length", "M", Arity::kOptional},
                                       {"cache_indirection", "M", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"},
                                        {"present_key", "T", Arity::kOptional},
                                        {"present_value", "T", Arity::kOptional},
                                        {"qk", "QK", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"QK", kFloatTypes}, {"M", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"mask_filter_value", AttributeType::kFloat},
                                         {"num_heads", AttributeType::kInt, true},
                                         {"scale", AttributeType::kFloat},
                                         {"unidirectional", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsMultiHeadAttention;
constexpr OpDef kMsMultiHeadAttention{.domain = "com.microsoft",
                                      .name = "MultiHeadAttention",
                                      .versions = kVersions,
                                      .inputs = kInputs,
                                      .outputs = kOutputs,
                                      .types = kTypes,
                                      .attributes = kAttributes,
                                      .raise = Raise};

}  // namespace ortolan
