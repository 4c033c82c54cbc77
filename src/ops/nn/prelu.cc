// PRelu: x, or slope * x below zero; slope broadcasts to x.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

// Before opset 7 a slope of one axis was one value for each channel, axis 1 of x.
Status Raise(RaiseContext& context) {
  graph::Node& node = context.node;
  if (context.opset >= 7 || !node.HasInput(0) || !node.HasInput(1)) return OkStatus();
  const graph::Shape& slope = node.input(1)->shape;
  if (slope.has_rank() && (slope.rank() != 1 || slope[0].Is(1))) return OkStatus();
  node.attributes.Set("broadcast", int64_t{1});
  node.attributes.Set("axis", int64_t{1});
  return RaiseAxisBroadcast(context);
}

constexpr int kVersions[] = {1, 6, 7, 9, 16};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"slope", "T"}};
constexpr TypeConstraint kTypes[] = {
    {"T", kFloatTypes | SetOf(DType::kInt32, DType::kInt64, DType::kUInt32, DType::kUInt64)}};

}  // namespace

extern const OpDef kPRelu;
constexpr OpDef kPRelu{.domain = "",
                       .name = "PRelu",
                       .versions = kVersions,
                       .inputs = kInputs,
                       .outputs = kFormalY,
                       .types = kTypes,
                       .traits = {.in_place = 1},
                       .raise = Raise,
                       .infer = InferBroadcast,
                       .cost = ElementwiseCost,
                       .emit = EmitBinary<TileOp::kPRelu>};

}  // namespace ortolan
