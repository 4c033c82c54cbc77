// Selu: gamma * x, or gamma * alpha * (e^x - 1) up to zero.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status Emit(EmitContext& context) {
  const Reg x = context.input(0);
  const Reg alpha = context.Constant(x, context.attributes().Float("alpha", 1.67326319217681884765625f));
  const Reg gamma = context.Constant(x, context.attributes().Float("gamma", 1.05070102214813232421875f));
  const Reg below = context.Emit(TileOp::kMul, alpha, context.Emit(TileOp::kExpm1, x));
  const Reg inner =
      context.Emit(TileOp::kSelect, context.Emit(TileOp::kLess, x, context.Constant(x, 0)), below, x);
  context.SetOutput(context.Emit(TileOp::kMul, gamma, inner));
  return OkStatus();
}

constexpr int kVersions[] = {1, 6, 22};
constexpr AttributeSpec kAttributes[] = {{"alpha", AttributeType::kFloat}, {"gamma", AttributeType::kFloat}};

}  // namespace

extern const OpDef kSelu;
constexpr OpDef kSelu = UnaryRoom(
    {.name = "Selu", .versions = kVersions, .types = kFloatingT, .emit = Emit, .attributes = kAttributes});

}  // namespace ortolan
