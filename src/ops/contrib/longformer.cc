#include "ops/contrib/longformer.h"

#include <limits>

#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

struct Part {
  graph::Value *q, *k, *v;
};

Part Projected(Composer& make, graph::Value* x, graph::Value* weight, graph::Value* bias, int64_t width) {
  graph::Value* all = make.Node("Add", {make.Node("MatMul", {x, weight}), bias});
  const Thirds thirds = SplitThirds(make, all, {width, width, width}, 2);
  return {thirds.q, thirds.k, thirds.v};
}

}  // namespace

Result<graph::Value*> ComposeLongformer(Composer& make, const LongformerInputs& in) {
  const int64_t heads = make.composed().attributes.Int("num_heads", 0);
  const int64_t window = make.composed().attributes.Int("window", 0);
  if (heads < 1 || window < 1)
    return InvalidArgument("LongformerAttention: num_heads {}, window {}", heads, window);
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t width, KnownDim(in.weight, 0, "LongformerAttention: weight"));
  if (width < heads || width % heads != 0)
    return InvalidArgument("LongformerAttention: {} heads of {}", heads, width);
  const Part local = Projected(make, in.x, in.weight, in.bias, width);
  const Part global = Projected(make, in.x, in.global_weight, in.global_bias, width);
  // (1, 1, queries, keys): within the window; (batch, 1, 1, keys): global, and the mask.
  graph::Value* length = make.Node("Squeeze", {make.Sizes(in.x, 1, 2)});
  graph::Value* places = make.Node("Range", {make.Int(0), length, make.Int(1)});
  graph::Value* apart = make.Node(
      "Abs",
      {make.Node("Sub", {make.Reshaped(places, {1, 1, 1, -1}), make.Reshaped(places, {1, 1, -1, 1})})});
  graph::Value* near = make.Node("LessOrEqual", {apart, make.Int(window)});
  graph::Value* zero = make.Constant(Tensor::Scalar<int32_t>(0));
  graph::Value* is_global = make.Node("Greater", {in.global, zero});
  graph::Value* seen = make.Node("Or", {near, make.Node("Unsqueeze", {is_global, make.Ints({1, 2})})});
  graph::Value* mask = make.Node("Unsqueeze", {in.mask, make.Ints({1, 2})});
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  graph::Value* scores = make.Node("Where", {seen, mask, make.Number(mask, kNever)});
  graph::Value* wide = make.Node(
      "Expand", {mask, make.Node("Concat", {make.Ints({1, 1}), make.Sizes(in.x, 1, 2), make.Ints({1})},
                                 {{"axis", int64_t{0}}})});
  const std::vector<graph::Attributes::Item> attributes = {{"q_num_heads", heads}, {"kv_num_heads", heads}};
  graph::Value* y = make.Node("Attention", {local.q, local.k, local.v, scores}, attributes);
  graph::Value* of_global = make.Node("Attention", {global.q, global.k, global.v, wide}, attributes);
  return make.Node("Where", {make.Node("Unsqueeze", {is_global, make.Ints({2})}), of_global, y});
}

}  // namespace ortolan
