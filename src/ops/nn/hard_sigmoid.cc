// HardSigmoid: clip(alpha * x + beta, 0, 1).
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status Emit(EmitContext& context) {
  const Reg x = context.input(0);
  const Reg alpha = context.Constant(x, context.attributes().Float("alpha", 0.2f));
  const Reg beta = context.Constant(x, context.attributes().Float("beta", 0.5f));
  const Reg line = context.Emit(TileOp::kAdd, context.Emit(TileOp::kMul, x, alpha), beta);
  context.SetOutput(context.Emit(TileOp::kClip, line, context.Constant(x, 0), context.Constant(x, 1)));
  return OkStatus();
}

constexpr int kVersions[] = {1, 6, 22};
constexpr AttributeSpec kAttributes[] = {{"alpha", AttributeType::kFloat}, {"beta", AttributeType::kFloat}};

}  // namespace

extern const OpDef kHardSigmoid;
constexpr OpDef kHardSigmoid = UnaryRoom({.name = "HardSigmoid",
                                          .versions = kVersions,
                                          .types = kFloatingT,
                                          .emit = Emit,
                                          .attributes = kAttributes});

}  // namespace ortolan
