// Mish: x * tanh(softplus(x)).
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status Emit(EmitContext& context) {
  const Reg x = context.input(0);
  const Reg inner = context.Emit(TileOp::kTanh, context.Emit(TileOp::kSoftplus, x));
  context.SetOutput(context.Emit(TileOp::kMul, x, inner));
  return OkStatus();
}

constexpr int kVersions[] = {18, 22};

}  // namespace

extern const OpDef kMish;
constexpr OpDef kMish = UnaryRoom({.name = "Mish", .versions = kVersions, .types = kFloatingT, .emit = Emit});

}  // namespace ortolan
