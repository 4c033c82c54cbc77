// LeakyRelu: x, or alpha * x below zero.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status Emit(EmitContext& context) {
  const Reg x = context.input(0);
  const Reg alpha = context.Constant(x, context.attributes().Float("alpha", 0.01f));
  context.SetOutput(context.Emit(TileOp::kPRelu, x, alpha));
  return OkStatus();
}

constexpr int kVersions[] = {1, 6, 16};
constexpr AttributeSpec kAttributes[] = {{"alpha", AttributeType::kFloat}};

}  // namespace

extern const OpDef kLeakyRelu;
constexpr OpDef kLeakyRelu = UnaryRoom({.name = "LeakyRelu",
                                        .versions = kVersions,
                                        .types = kFloatingT,
                                        .emit = Emit,
                                        .attributes = kAttributes});

}  // namespace ortolan
