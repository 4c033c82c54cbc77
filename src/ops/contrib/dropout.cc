#include "ops/contrib/dropout.h"

#include "ops/compose.h"

namespace ortolan {
namespace {

graph::Value* Words(Composer& make, graph::Value* mask) {
  graph::Value* bits = make.Cast(make.Reshaped(mask, {-1}), DType::kInt64);
  graph::Value* count = make.Sizes(bits, 0, 1);
  // -count mod 32 zeros fill the last word.
  graph::Value* missing = make.Node("Mod", {make.Node("Neg", {count}), make.Int(32)});
  graph::Value* pads = make.Node("Concat", {make.Ints({0}), missing}, {{"axis", int64_t{0}}});
  graph::Value* rows = make.Reshaped(make.Node("Pad", {bits, pads}), {-1, 32});
  std::vector<int64_t> places(32);
  for (size_t i = 0; i < places.size(); ++i) places[i] = int64_t{1} << i;
  graph::Value* placed = make.Node("Mul", {rows, make.Constant(Tensor::Of<int64_t>({32}, places))});
  graph::Value* words = make.Node("ReduceSum", {placed, make.Ints({1})}, {{"keepdims", int64_t{0}}});
  return make.Cast(words, DType::kUInt32);
}

}  // namespace

Status RaiseDropout(RaiseContext& context, bool bias, bool words) {
  std::vector<graph::Attributes::Item> attributes;
  if (context.node.attributes.Has("seed"))
    attributes.push_back({"seed", context.node.attributes.Int("seed", 0)});
  Composer make(context);
  const size_t ratio = bias ? 3 : 1;
  graph::Value* x = bias ? make.Node("Add", {make.input(0), make.input(1)}) : make.input(0);
  const auto dropped = make.Outputs(2, "Dropout", {x, make.input(ratio), make.input(ratio + 1)}, attributes);
  graph::Value* y = dropped[0];
  if (bias && make.input(2) != nullptr) y = make.Node("Add", {y, make.input(2)});
  graph::Value* mask = dropped[1];
  if (make.Wants(1) && words) mask = Words(make, mask);
  return make.Finish({y, mask});
}

}  // namespace ortolan
