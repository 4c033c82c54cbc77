#include "ops/contrib/convolution.h"

namespace ortolan {
namespace {

Result<std::vector<int64_t>> Order(const Composer&, const graph::Value* x, bool last) {
  if (!x->shape.has_rank()) return NotImplemented("channels behind an unknown number of axes");
  const int64_t rank = x->shape.rank();
  if (rank < 3) return InvalidArgument("rank {}, expected 3 at least", rank);
  std::vector<int64_t> order{0};
  if (!last) order.push_back(rank - 1);
  for (int64_t i = last ? 2 : 1; i < rank - (last ? 0 : 1); ++i) order.push_back(i);
  if (last) order.push_back(1);
  return order;
}

}  // namespace

std::vector<graph::Attributes::Item> ConvAttributes(const graph::Attributes& attributes) {
  std::vector<graph::Attributes::Item> items;
  for (const std::string_view name : {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides",
                                      "ceil_mode", "count_include_pad", "storage_order"}) {
    if (const graph::AttributeValue* value = attributes.Find(name)) items.emplace_back(name, *value);
  }
  return items;
}

Result<graph::Value*> ChannelsLast(Composer& make, graph::Value* x) {
  ORTOLAN_ASSIGN_OR_RETURN(std::vector<int64_t> order, Order(make, x, true));
  return make.Node("Transpose", {x}, {{"perm", std::move(order)}});
}

Result<graph::Value*> ChannelsFirst(Composer& make, graph::Value* x) {
  ORTOLAN_ASSIGN_OR_RETURN(std::vector<int64_t> order, Order(make, x, false));
  return make.Node("Transpose", {x}, {{"perm", std::move(order)}});
}

}  // namespace ortolan
