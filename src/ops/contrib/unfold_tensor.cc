// UnfoldTensor: all slices of `size` elements along an axis, `step` apart, each of which becomes the last
// axis. Refuses a size or step below 1.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t size = attributes.Int("size", 1), step = attributes.Int("step", 1);
  const graph::Shape& shape = context.node.input(0)->shape;
  if (size < 1 || step < 1) return InvalidArgument("UnfoldTensor: size {} and step {}", size, step);
  if (size > (int64_t{1} << 24)) return InvalidArgument("UnfoldTensor: size {}", size);
  if (!shape.has_rank()) return NotImplemented("UnfoldTensor of unknown rank");
  const int64_t rank = shape.rank();
  int64_t axis = attributes.Int("dim", -1);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return InvalidArgument("UnfoldTensor: dim {} of rank {}", axis, rank);
  Composer make(context);
  // Which elements: the start of each slice plus a place in it.
  graph::Value* length = make.Reshaped(make.Sizes(make.input(0), axis, axis + 1), {1});
  graph::Value* last = make.Node("Sub", {length, make.Int(size - 1)});
  graph::Value* starts =
      make.Node("Range", {make.Int(0), make.Node("Reshape", {last, make.Ints({})}), make.Int(step)});
  graph::Value* inside = make.Node("Range", {make.Int(0), make.Int(size), make.Int(1)});
  graph::Value* at = make.Node("Add", {make.Reshaped(starts, {-1, 1}), make.Reshaped(inside, {1, -1})});
  graph::Value* slices = make.Node("Gather", {make.input(0), at}, {{"axis", axis}});
  std::vector<int64_t> order;
  for (int64_t i = 0; i <= rank; ++i) {
    if (i != axis + 1) order.push_back(i);
  }
  order.push_back(axis + 1);
  make.Last("Transpose", {slices}, {{"perm", order}});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes}};
constexpr AttributeSpec kAttributes[] = {
    {"dim", AttributeType::kInt}, {"size", AttributeType::kInt, true}, {"step", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsUnfoldTensor;
constexpr OpDef kMsUnfoldTensor{.domain = "com.microsoft",
                                .name = "UnfoldTensor",
                                .versions = kVersions,
                                .inputs = kInputs,
                                .outputs = kOutputs,
                                .types = kTypes,
                                .attributes = kAttributes,
                                .raise = Raise};

}  // namespace ortolan
