// Softsign: x / (1 + |x|).
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status Emit(EmitContext& context) {
  const Reg x = context.input(0);
  const Reg below = context.Emit(TileOp::kAdd, context.Constant(x, 1), context.Emit(TileOp::kAbs, x));
  context.SetOutput(context.Emit(TileOp::kDiv, x, below));
  return OkStatus();
}

constexpr int kVersions[] = {1, 22};

}  // namespace

extern const OpDef kSoftsign;
constexpr OpDef kSoftsign =
    UnaryRoom({.name = "Softsign", .versions = kVersions, .types = kFloatingT, .emit = Emit}, kFormalInput,
              kFormalOutput);

}  // namespace ortolan
