// ThresholdedRelu: x where it is above alpha, else 0.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status Emit(EmitContext& context) {
  const Reg x = context.input(0);
  const Reg alpha = context.Constant(x, context.attributes().Float("alpha", 1.0f));
  context.SetOutput(
      context.Emit(TileOp::kSelect, context.Emit(TileOp::kLess, alpha, x), x, context.Constant(x, 0)));
  return OkStatus();
}

constexpr int kVersions[] = {10, 22};
constexpr AttributeSpec kAttributes[] = {{"alpha", AttributeType::kFloat}};

}  // namespace

extern const OpDef kThresholdedRelu;
constexpr OpDef kThresholdedRelu = UnaryRoom({.name = "ThresholdedRelu",
                                              .versions = kVersions,
                                              .types = kFloatingT,
                                              .emit = Emit,
                                              .attributes = kAttributes});

}  // namespace ortolan
