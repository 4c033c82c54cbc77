// Elu: x, or alpha * (e^x - 1) below zero.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status Emit(EmitContext& context) {
  const Reg x = context.input(0);
  const Reg alpha = context.Constant(x, context.attributes().Float("alpha", 1.0f));
  const Reg below = context.Emit(TileOp::kMul, alpha, context.Emit(TileOp::kExpm1, x));
  context.SetOutput(
      context.Emit(TileOp::kSelect, context.Emit(TileOp::kLess, x, context.Constant(x, 0)), below, x));
  return OkStatus();
}

constexpr int kVersions[] = {1, 6, 22};
constexpr AttributeSpec kAttributes[] = {{"alpha", AttributeType::kFloat}};

}  // namespace

extern const OpDef kElu;
constexpr OpDef kElu = UnaryRoom(
    {.name = "Elu", .versions = kVersions, .types = kFloatingT, .emit = Emit, .attributes = kAttributes});

}  // namespace ortolan
