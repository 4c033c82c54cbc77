// QAttention: Attention whose input and merged weights have 8 bits; their product is brought to floats. With
// do_rotary heads are turned as Attention's are (onnxruntime's CPU kernel leaves them). Refuses a shared
// buffer of caches, for whose length there is no input.
#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

using graph::Value;

Value* Half(Composer& make, Value* past, int64_t which) {
  return make.Node("Squeeze", {make.Sliced(past, 0, which, which + 1), make.Ints({0})});
}

Status Raise(RaiseContext& context) {
  enum Input : size_t { kInput, kWeight, kBias, kXScale, kWScale, kMask, kXZero, kWZero, kPast };
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t heads = attributes.Int("num_heads", 0);
  if (heads < 1) return InvalidArgument("QAttention: num_heads {}", heads);
  if (attributes.Int("past_present_share_buffer", 0) != 0)
    return InvalidArgument("QAttention: past_present_share_buffer needs a length of the past");
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t width, KnownDim(make.input(kWeight), 1, "QAttention: weight"));
  if (width % 3 != 0 || width / 3 % heads != 0)
    return InvalidArgument("QAttention: weights of {} columns for {} heads do not make Q, K and V", width,
                           heads);
  Value* projected =
      make.Node("com.microsoft::MatMulIntegerToFloat",
                {make.input(kInput), make.input(kWeight), make.input(kXScale), make.input(kWScale),
                 make.input(kXZero), make.input(kWZero), make.input(kBias)});
  Thirds qkv = SplitThirds(make, projected, {width / 3, width / 3, width / 3}, -1);
  if (attributes.Int("do_rotary", 0) != 0) {
    const int64_t size = width / 3 / heads;
    if (size % 2 != 0) return InvalidArgument("QAttention: heads of {} cannot be turned", size);
    Value* past = make.input(kPast) != nullptr ? make.Sizes(make.input(kPast), 3, 4) : make.Ints({0});
    qkv.q = TurnedByPlace(make, qkv.q, past, heads, size);
    qkv.k = TurnedByPlace(make, qkv.k, past, heads, size);
  }
  AttentionInputs inputs;
  if (Value* past = make.input(kPast)) {
    inputs.past_k = Half(make, past, 0);
    inputs.past_v = Half(make, past, 1);
  }
  inputs.q = qkv.q, inputs.k = qkv.k, inputs.v = qkv.v;
  inputs.mask = make.input(kMask);
  inputs.causal = attributes.Int("unidirectional", 0) != 0;
  ORTOLAN_ASSIGN_OR_RETURN(const AttentionOutputs made, ComposeAttention(make, inputs, make.Wants(1), false));
  Value* present = nullptr;
  if (make.Wants(1)) {
    present = make.Node("Concat",
                        {make.Node("Unsqueeze", {made.present_k, make.Ints({0})}),
                         make.Node("Unsqueeze", {made.present_v, make.Ints({0})})},
                        {{"axis", int64_t{0}}});
  }
  return make.Finish({made.y, present});
}

using graph::AttributeType;
constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T1"},
                                       {"weight", "T2"},
                                       {"bias", "T3"},
                                       {"input_scale", "T3"},
                                       {"weight_scale", "T3"},
                                       {"mask_index", "T4", Arity::kOptional},
                                       {"input_zero_point", "T1", Arity::kOptional},
                                       {"weight_zero_point", "T2", Arity::kOptional},
                                       {"past", "T3", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T3"}, {"present", "T3", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {
    {"T1", kBytes}, {"T2", kBytes}, {"T3", SetOf(DType::kFloat)}, {"T4", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {
    {"do_rotary", AttributeType::kInt},       {"mask_filter_value", AttributeType::kFloat},
    {"num_heads", AttributeType::kInt, true}, {"past_present_share_buffer", AttributeType::kInt},
    {"scale", AttributeType::kFloat},         {"unidirectional", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsQAttention;
constexpr OpDef kMsQAttention{.domain = "com.microsoft",
                              .name = "QAttention",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .attributes = kAttributes,
                              .raise = Raise};

}  // namespace ortolan
