// Cos: the cosine of radians.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {7, 22};

}  // namespace

extern const OpDef kCos;
constexpr OpDef kCos =
    UnaryRoom({.name = "Cos", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kCos>},
              kFormalInput, kFormalOutput);

}  // namespace ortolan
