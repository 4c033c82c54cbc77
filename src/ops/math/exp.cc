// Exp: e to the power of each element.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1, 6, 13};

}  // namespace

extern const OpDef kExp;
constexpr OpDef kExp =
    UnaryRoom({.name = "Exp", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kExp>},
              kFormalInput, kFormalOutput);

}  // namespace ortolan
