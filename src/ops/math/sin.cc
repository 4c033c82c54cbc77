// Sin: the sine of radians.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {7, 22};

}  // namespace

extern const OpDef kSin;
constexpr OpDef kSin =
    UnaryRoom({.name = "Sin", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kSin>},
              kFormalInput, kFormalOutput);

}  // namespace ortolan
