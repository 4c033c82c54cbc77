// MeanVarianceNormalization: (x - mean) / (deviation + 1e-9) over axes, by default batch and space, made of
// the reductions. Refuses axes out of range and forms below opset 9.
#include "ops/compose.h"

namespace ortolan {
namespace {

// Below opset 9 the operator was experimental, with other attributes.
Status Raise(RaiseContext& context) {
  if (context.opset < 9) return NotImplemented("MeanVarianceNormalization of opset {}", context.opset);
  const std::span<const int64_t> given = context.node.attributes.Ints("axes");
  std::vector<int64_t> axes(given.begin(), given.end());
  if (!context.node.attributes.Has("axes")) axes = {0, 2, 3};
  Composer make(context);
  graph::Value* x = make.input(0);
  if (x == nullptr) return InvalidGraph("MeanVarianceNormalization needs an input");
  graph::Value* over = make.Constant(Tensor::Of<int64_t>({static_cast<int64_t>(axes.size())}, axes));
  graph::Value* centered = make.Node("Sub", {x, make.Node("ReduceMean", {x, over})});
  graph::Value* squares = make.Node("Mul", {centered, centered});
  graph::Value* deviation = make.Node("Sqrt", {make.Node("ReduceMean", {squares, over})});
  make.Last("Div", {centered, make.Node("Add", {deviation, make.Number(x, 1e-9)})});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {9, 13};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"axes", AttributeType::kInts}};

}  // namespace

extern const OpDef kMeanVarianceNormalization;
constexpr OpDef kMeanVarianceNormalization{.domain = "",
                                           .name = "MeanVarianceNormalization",
                                           .versions = kVersions,
                                           .inputs = kInputs,
                                           .outputs = kOutputs,
                                           .types = kTypes,
                                           .attributes = kAttributes,
                                           .raise = Raise};

}  // namespace ortolan
