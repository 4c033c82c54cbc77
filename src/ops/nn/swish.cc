// Swish: x * sigmoid(alpha * x); SiLU where alpha is 1.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status Emit(EmitContext& context) {
  const Reg x = context.input(0);
  const float alpha = context.attributes().Float("alpha", 1.0f);
  if (alpha == 1.0f) {
    context.SetOutput(context.Emit(TileOp::kSilu, x));
    return OkStatus();
  }
  const Reg inner = context.Emit(TileOp::kMul, x, context.Constant(x, alpha));
  context.SetOutput(context.Emit(TileOp::kMul, x, context.Emit(TileOp::kSigmoid, inner)));
  return OkStatus();
}

constexpr int kVersions[] = {24};
constexpr AttributeSpec kAttributes[] = {{"alpha", AttributeType::kFloat}};

}  // namespace

extern const OpDef kSwish;
constexpr OpDef kSwish = UnaryRoom(
    {.name = "Swish", .versions = kVersions, .types = kFloatingT, .emit = Emit, .attributes = kAttributes});

}  // namespace ortolan
