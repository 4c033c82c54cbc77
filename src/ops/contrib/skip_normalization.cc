#include "ops/contrib/skip_normalization.h"

#include "ops/axes.h"
#include "ops/contrib/convolution.h"

namespace ortolan {

Result<graph::Value*> InverseRms(Composer& make, graph::Value* x, int64_t axis, float epsilon) {
  if (!x->shape.has_rank()) return NotImplemented("the deviation of a tensor of unknown rank");
  const int64_t rank = x->shape.rank();
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t first, NormalizeAxis(axis, rank));
  std::vector<int64_t> axes;
  for (int64_t i = first; i < rank; ++i) axes.push_back(i);
  graph::Value* wide = x->type.dtype == DType::kDouble ? x : make.Cast(x, DType::kFloat);
  const Tensor over = Tensor::Of<int64_t>({static_cast<int64_t>(axes.size())}, axes);
  graph::Value* mean = make.Node("ReduceMean", {make.Node("Mul", {wide, wide}), make.Constant(over)});
  graph::Value* sum = make.Node("Add", {mean, make.Number(wide, static_cast<double>(epsilon))});
  return make.Cast(make.Node("Reciprocal", {make.Node("Sqrt", {sum})}), DType::kFloat);
}

Status RaiseSkipNormalization(RaiseContext& context, bool center) {
  const float epsilon = context.node.attributes.Float("epsilon", 1e-12f);
  Composer make(context);
  graph::Value* bias = make.input(center ? 4 : 3);
  graph::Value* sum = make.Node("Add", {make.input(0), make.input(1)});
  if (bias != nullptr) sum = make.Node("Add", {sum, bias});
  const std::vector<graph::Attributes::Item> attributes = {{"axis", int64_t{-1}}, {"epsilon", epsilon}};
  if (center) {
    const size_t count = make.Wants(1) || make.Wants(2) ? 3 : 1;
    auto made = make.Outputs(count, "LayerNormalization", {sum, make.input(2), make.input(3)}, attributes);
    made.resize(3);
    return make.Finish({made[0], made[1], made[2], sum});
  }
  graph::Value* y = make.Node("RMSNormalization", {sum, make.input(2)}, attributes);
  graph::Value *mean = nullptr, *deviation = nullptr;
  if (make.Wants(1)) mean = make.Cast(make.Node("ReduceMean", {sum, make.Ints({-1})}), DType::kFloat);
  if (make.Wants(2)) {
    ORTOLAN_ASSIGN_OR_RETURN(deviation, InverseRms(make, sum, -1, epsilon));
  }
  return make.Finish({y, mean, deviation, sum});
}

Result<graph::Value*> NormalizedGroups(Composer& make, graph::Value* x) {
  const graph::Attributes& attributes = make.composed().attributes;
  const bool last = attributes.Int("channels_last", 1) != 0;
  const bool silu = attributes.Int("activation", 0) == 1;
  const int64_t groups = attributes.Int("groups", 1);
  const DType type = x->type.dtype;
  if (last) {
    ORTOLAN_ASSIGN_OR_RETURN(x, ChannelsFirst(make, x));
  }
  graph::Value* y =
      make.Node("GroupNormalization", {x, make.Cast(make.input(1), type), make.Cast(make.input(2), type)},
                {{"num_groups", groups}, {"epsilon", attributes.Float("epsilon", 1e-5f)}});
  if (last) {
    ORTOLAN_ASSIGN_OR_RETURN(y, ChannelsLast(make, y));
  }
  return silu ? make.Node("Swish", {y}) : y;
}

}  // namespace ortolan
