// Tan: the tangent of radians.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {7, 22};

}  // namespace

extern const OpDef kTan;
constexpr OpDef kTan =
    UnaryRoom({.name = "Tan", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kTan>},
              kFormalInput, kFormalOutput);

}  // namespace ortolan
