// Attention: the projections of Q, K and V by merged weights, then ONNX's Attention, with the caches of keys
// and values in one tensor. Refuses weights of unknown width.
#include "ops/compose.h"
#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

using graph::Value;

// One of the two tensors in a cache.
Value* Half(Composer& make, Value* past, int64_t which) {
  return make.Node("Squeeze", {make.Sliced(past, 0, which, which + 1), make.Ints({0})});
}

// Present keys and values in one tensor; with a shared buffer, the tail of the past stays behind them.
Value* Together(Composer& make, const AttentionOutputs& made, Value* past, bool shared) {
  Value* present = make.Node("Concat",
                             {make.Node("Unsqueeze", {made.present_k, make.Ints({0})}),
                              make.Node("Unsqueeze", {made.present_v, make.Ints({0})})},
                             {{"axis", int64_t{0}}});
  if (!shared) return present;
  Value* tail = make.Node("Slice", {past, make.Sizes(present, 3, 4), make.Ints({INT64_MAX}), make.Ints({3})});
  return make.Node("Concat", {present, tail}, {{"axis", int64_t{3}}});
}

Status Raise(RaiseContext& context) {
  enum Input : size_t { kInput, kWeights, kBias, kMask, kPast, kScoreBias, kPastLength };
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t heads = attributes.Int("num_heads", 0);
  if (heads < 1) return InvalidArgument("Attention: num_heads {}", heads);
  Composer make(context);
  std::vector<int64_t> sizes;
  for (const int64_t size : attributes.Ints("qkv_hidden_sizes")) sizes.push_back(size);
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t width, KnownDim(make.input(kWeights), 1, "Attention: weights"));
  if (sizes.empty()) sizes = {width / 3, width / 3, width / 3};
  if (sizes.size() != 3 || sizes[0] < 1 || sizes[0] != sizes[1] || sizes[0] % heads != 0 ||
      sizes[2] % heads != 0 || sizes[2] < 1 || sizes[0] > width || sizes[2] > width ||
      sizes[0] + sizes[1] + sizes[2] != width) {
    return InvalidArgument("Attention: weights of {} columns for {} heads do not make Q, K and V", width,
                           heads);
  }
  Value* projected = make.Node("MatMul", {make.input(kInput), make.input(kWeights)});
  if (make.input(kBias) != nullptr) projected = make.Node("Add", {projected, make.input(kBias)});
  Thirds qkv = SplitThirds(make, projected, sizes, -1);
  AttentionInputs inputs;
  const bool shared =
      attributes.Int("past_present_share_buffer", 0) != 0 && make.input(kPastLength) != nullptr;
  Value* past_length = make.Ints({0});
  if (Value* past = make.input(kPast)) {
    past_length = make.Sizes(past, 3, 4);
    if (shared) {
      past_length = make.Reshaped(make.Cast(make.input(kPastLength), DType::kInt64), {1});
      past = make.Node("Slice", {past, make.Ints({0}), past_length, make.Ints({3})});
    }
    inputs.past_k = Half(make, past, 0);
    inputs.past_v = Half(make, past, 1);
  }
  if (attributes.Int("do_rotary", 0) != 0) {
    const int64_t given = attributes.Int("rotary_embedding_dim", 0), size = sizes[0] / heads;
    const int64_t turned = given > 0 ? given : size;
    if (turned > size || turned % 2 != 0)
      return InvalidArgument("Attention: rotary_embedding_dim {}", turned);
    qkv.q = TurnedByPlace(make, qkv.q, past_length, heads, turned);
    qkv.k = TurnedByPlace(make, qkv.k, past_length, heads, turned);
  }
  inputs.q = qkv.q, inputs.k = qkv.k, inputs.v = qkv.v;
  inputs.mask = make.input(kMask), inputs.bias = make.input(kScoreBias);
  inputs.causal = attributes.Int("unidirectional", 0) != 0;
  ORTOLAN_ASSIGN_OR_RETURN(const AttentionOutputs made, ComposeAttention(make, inputs, make.Wants(1), false));
  Value* present = make.Wants(1) ? Together(make, made, make.input(kPast), shared) : nullptr;
  return make.Finish({made.y, present});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T"},
                                       {"weights", "T"},
                                       {"bias", "T", Arity::kOptional},
                                       {"mask_index", "M", Arity::kOptional},
                                       {"past", "T", Arity::kOptional},
                                       {"attention_bias", "T", Arity::kOptional},
                                       {"past_sequence_length", "M", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}, {"present", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {
    {"do_rotary", AttributeType::kInt},         {"mask_filter_value", AttributeType::kFloat},
    {"num_heads", AttributeType::kInt, true},   {"past_present_share_buffer", AttributeType::kInt},
    {"qkv_hidden_sizes", AttributeType::kInts}, {"rotary_embedding_dim", AttributeType::kInt},
    {"scale", AttributeType::kFloat},           {"unidirectional", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsAttention;
constexpr OpDef kMsAttention{.domain = "com.microsoft",
                             .name = "Attention",
                             .versions = kVersions,
                             .inputs = kInputs,
                             .outputs = kOutputs,
                             .types = kTypes,
                             .attributes = kAttributes,
                             .raise = Raise};

}  // namespace ortolan
