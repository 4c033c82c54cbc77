// Erf: the error function.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {9, 13};

}  // namespace

extern const OpDef kErf;
constexpr OpDef kErf =
    UnaryRoom({.name = "Erf", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kErf>},
              kFormalInput, kFormalOutput);

}  // namespace ortolan
