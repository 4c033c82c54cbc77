// LongformerAttention: attention of each token to a window of neighbours and to the global tokens, which have
// weights of their own and attend to everything. Computed densely, with the scores outside of the window at
// minus infinity.
#include <limits>
#include "ops/compose.h"
#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

using graph::Value;

struct Part {
  Value *q, *k, *v;
};

Part Projected(Composer& make, Value* weight, Value* bias, int64_t width) {
  Value* all = make.Node("Add", {make.Node("MatMul", {make.input(0), weight}), bias});
  const Thirds thirds = SplitThirds(make, all, {width, width, width}, 2);
  return {thirds.q, thirds.k, thirds.v};
}

Status Raise(RaiseContext& context) {
  enum Input : size_t { kX, kWeight, kBias, kMask, kGlobalWeight, kGlobalBias, kGlobal };
  const int64_t heads = context.node.attributes.Int("num_heads", 0);
  const int64_t window = context.node.attributes.Int("window", 0);
  if (heads < 1 || window < 1)
    return InvalidArgument("LongformerAttention: num_heads {}, window {}", heads, window);
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t width,
                           KnownDim(make.input(kWeight), 0, "LongformerAttention: weight"));
  if (width < heads || width % heads != 0)
    return InvalidArgument("LongformerAttention: {} heads of {}", heads, width);
  const Part local = Projected(make, make.input(kWeight), make.input(kBias), width);
  const Part global = Projected(make, make.input(kGlobalWeight), make.input(kGlobalBias), width);
  // (1, 1, queries, keys): within the window; (batch, 1, 1, keys): global, and the mask.
  Value* length = make.Node("Squeeze", {make.Sizes(make.input(kX), 1, 2)});
  Value* places = make.Node("Range", {make.Int(0), length, make.Int(1)});
  Value* apart = make.Node(
      "Abs",
      {make.Node("Sub", {make.Reshaped(places, {1, 1, 1, -1}), make.Reshaped(places, {1, 1, -1, 1})})});
  Value* near = make.Node("LessOrEqual", {apart, make.Int(window)});
  Value* zero = make.Constant(Tensor::Scalar<int32_t>(0));
  Value* is_global = make.Node("Greater", {make.input(kGlobal), zero});
  Value* seen = make.Node("Or", {near, make.Node("Unsqueeze", {is_global, make.Ints({1, 2})})});
  Value* mask = make.Node("Unsqueeze", {make.input(kMask), make.Ints({1, 2})});
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  Value* scores = make.Node("Where", {seen, mask, make.Number(mask, kNever)});
  Value* wide = make.Node(
      "Expand",
      {mask, make.Node("Concat", {make.Ints({1, 1}), make.Sizes(make.input(kX), 1, 2), make.Ints({1})},
                       {{"axis", int64_t{0}}})});
  const std::vector<graph::Attributes::Item> attributes = {{"q_num_heads", heads}, {"kv_num_heads", heads}};
  Value* y = make.Node("Attention", {local.q, local.k, local.v, scores}, attributes);
  Value* of_global = make.Node("Attention", {global.q, global.k, global.v, wide}, attributes);
  return make.Finish(
      {make.Node("Where", {make.Node("Unsqueeze", {is_global, make.Ints({2})}), of_global, y})});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T"}, {"weight", "T"},        {"bias", "T"},
                                       {"mask", "T"},  {"global_weight", "T"}, {"global_bias", "T"},
                                       {"global", "G"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat, DType::kFloat16)},
                                     {"G", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"num_heads", AttributeType::kInt, true},
                                         {"window", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kMsLongformerAttention;
constexpr OpDef kMsLongformerAttention{.domain = "com.microsoft",
                                       .name = "LongformerAttention",
                                       .versions = kVersions,
                                       .inputs = kInputs,
                                       .outputs = kOutputs,
                                       .types = kTypes,
                                       .attributes = kAttributes,
                                       .raise = Raise};

}  // namespace ortolan
