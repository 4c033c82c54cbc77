// Acos: the arccosine; NaN outside [-1, 1].
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {7, 22};

}  // namespace

extern const OpDef kAcos;
constexpr OpDef kAcos =
    UnaryRoom({.name = "Acos", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kAcos>},
              kFormalInput, kFormalOutput);

}  // namespace ortolan
