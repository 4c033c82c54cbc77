// DecoderAttention: attention over its own input or an encoder's, with caches; which of them are used, four
// truths say that the run gives.
#include "ops/compose.h"
#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

using graph::Value;

// (length, batch, width) -> (batch, heads, length, size).
Value* Heads(Composer& make, Value* x, int64_t heads) {
  return make.Node("Transpose", {make.Reshaped(x, {0, 0, heads, -1})},
                   {{"perm", std::vector<int64_t>{1, 2, 0, 3}}});
}

// A number where a truth holds, another one where not, as an int64 vector.
Value* Chosen(Composer& make, Value* truth, Value* yes, Value* no) {
  return make.Node("Where", {make.Reshaped(truth, {1}), yes, no});
}

Status Raise(RaiseContext& context) {
  enum Input : size_t {
    kQuery,
    kKey,
    kQWeight,
    kKvWeight,
    kBias,
    kPadding,
    kKeyCache,
    kValueCache,
    kStatic,
    kUsePast,
    kState,
    kHasPadding
  };
  const int64_t heads = context.node.attributes.Int("num_heads", 0);
  if (heads < 1) return InvalidArgument("DecoderAttention: num_heads {}", heads);
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t width,
                           KnownDim(make.input(kQWeight), 1, "DecoderAttention: q_weight"));
  if (width < heads || width % heads != 0)
    return InvalidArgument("DecoderAttention: {} heads of {}", heads, width);
  const Thirds bias = SplitThirds(make, make.input(kBias), {width, width, width}, 0);
  Value* zero = make.Ints({0});
  Value* all = make.Ints({INT64_MAX});
  // Cross attention with a cache reads nothing but the cache; self attention reads both; without a cache
  // there are the new keys alone.
  Value* cached = make.input(kUsePast);
  Value* fixed = make.Node("And", {cached, make.input(kStatic)});
  const auto parts = [&](Value* fresh, size_t cache) {
    fresh = make.Node("Slice", {fresh, zero, Chosen(make, fixed, zero, all), make.Ints({2})});
    Value* past = make.input(cache);
    if (past == nullptr) return fresh;
    past = make.Node("Slice", {past, zero, Chosen(make, cached, all, zero), make.Ints({2})});
    return make.Node("Concat", {past, fresh}, {{"axis", int64_t{2}}});
  };
  // Self attention's keys are those of the query.
  Value* source =
      make.Node("Slice", {make.input(kKey), zero, Chosen(make, make.input(kStatic), all, zero), zero});
  Value* self =
      make.Node("Slice", {make.input(kQuery), zero, Chosen(make, make.input(kStatic), zero, all), zero});
  source = make.Node("Concat", {source, self}, {{"axis", int64_t{0}}});
  Value* both = make.Node("MatMul", {source, make.input(kKvWeight)});
  Value* q = make.Node("Add", {make.Node("MatMul", {make.input(kQuery), make.input(kQWeight)}), bias.q});
  Value* k = parts(Heads(make, make.Node("Add", {make.Sliced(both, 2, 0, width), bias.k}), heads), kKeyCache);
  Value* v = parts(Heads(make, make.Node("Add", {make.Sliced(both, 2, width, 2 * width), bias.v}), heads),
                   kValueCache);
  Value* mask = nullptr;
  if (make.input(kPadding) != nullptr) {
    // (batch, keys), true where there is padding.
    const float filtered = context.node.attributes.Float("mask_filter_value", -10000.0f);
    Value* padding = make.Node("And", {make.input(kPadding), make.Reshaped(make.input(kHasPadding), {1, 1})});
    Value* scores =
        make.Node("Where", {padding, make.Number(q, static_cast<double>(filtered)), make.Number(q, 0)});
    mask = make.Node("Unsqueeze", {scores, make.Ints({1, 2})});
    Value* square =
        make.Node("Concat", {make.Ints({1, 1}), make.Sizes(q, 0, 1), make.Ints({1})}, {{"axis", int64_t{0}}});
    mask = make.Node("Expand", {mask, square});
  }
  Value* y = make.Node("Attention", {Heads(make, q, heads), k, v, mask});
  y = make.Node("Transpose", {y}, {{"perm", std::vector<int64_t>{2, 0, 1, 3}}});
  return make.Finish({make.Reshaped(y, {0, 0, -1}), k, v});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"query", "T"},
                                       {"key", "T"},
                                       {"q_weight", "T"},
                                       {"kv_weight", "T"},
                                       {"bias", "T"},
                                       {"key_padding_mask", "B", Arity::kOptional},
                                       {"key_cache", "T", Arity::kOptional},
                                       {"value_cache", "T", Arity::kOptional},
                                       {"static_kv", "B"},
                                       {"use_past", "B"},
                                       {"has_layer_state", "B"},
                                       {"has_key_padding_mask", "B"}};
constexpr FormalParameter kOutputs[] = {
    {"output", "T"}, {"new_key_cache", "T", Arity::kOptional}, {"new_value_cache", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat, DType::kFloat16)},
                                     {"B", SetOf(DType::kBool)}};
constexpr AttributeSpec kAttributes[] = {{"mask_filter_value", AttributeType::kFloat},
                                         {"num_heads", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kMsDecoderAttention;
constexpr OpDef kMsDecoderAttention{.domain = "com.microsoft",
                                    .name = "DecoderAttention",
                                    .versions = kVersions,
                                    .inputs = kInputs,
                                    .outputs = kOutputs,
                                    .types = kTypes,
                                    .attributes = kAttributes,
                                    .raise = Raise};

}  // namespace ortolan
