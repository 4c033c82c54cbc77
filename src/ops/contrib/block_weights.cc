#include "ops/contrib/block_weights.h"

#include "ops/contrib/attention_parts.h"

namespace ortolan {

Result<graph::Value*> BlockScaledProduct(Composer& make, graph::Value* x, graph::Value* weights,
                                         graph::Value* scales, int64_t block, graph::Value* bias) {
  const std::string_view op = make.composed().op_type;
  if (block < 1 || block > INT32_MAX) return InvalidArgument("{}: block_size is {}", op, block);
  // Each scale `block` times along the row, and no more of them than the row is long.
  graph::Value* wide =
      make.Node("Expand", {make.Node("Unsqueeze", {scales, make.Ints({2})}), make.Ints({1, 1, block})});
  wide = make.Reshaped(wide, {0, -1});
  wide = make.Node("Slice", {wide, make.Ints({0}), make.Sizes(weights, 1, 2), make.Ints({1})});
  graph::Value* scaled = make.Cast(make.Node("Mul", {weights, wide}), x->type.dtype);
  graph::Value* y =
      make.Node("MatMul", {x, make.Node("Transpose", {scaled}, {{"perm", std::vector<int64_t>{1, 0}}})});
  return bias != nullptr ? make.Node("Add", {y, bias}) : y;
}

}  // namespace ortolan
