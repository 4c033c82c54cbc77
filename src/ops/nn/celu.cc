// Celu: x, or alpha * (e^(x / alpha) - 1) below zero. Refuses an alpha of zero.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status Emit(EmitContext& context) {
  const Reg x = context.input(0);
  const float value = context.attributes().Float("alpha", 1.0f);
  if (value == 0) return InvalidArgument("Celu: alpha must not be 0");
  const Reg alpha = context.Constant(x, value);
  const Reg power = context.Emit(TileOp::kExpm1, context.Emit(TileOp::kDiv, x, alpha));
  const Reg zero = context.Constant(x, 0);
  const Reg below = context.Emit(TileOp::kMin, context.Emit(TileOp::kMul, alpha, power), zero);
  context.SetOutput(context.Emit(TileOp::kAdd, context.Emit(TileOp::kMax, x, zero), below));
  return OkStatus();
}

constexpr int kVersions[] = {12, 28};
constexpr AttributeSpec kAttributes[] = {{"alpha", AttributeType::kFloat}};

}  // namespace

extern const OpDef kCelu;
constexpr OpDef kCelu = UnaryRoom(
    {.name = "Celu", .versions = kVersions, .types = kFloatingT, .emit = Emit, .attributes = kAttributes});

}  // namespace ortolan
