// Cosh: the hyperbolic cosine.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {9, 22};

}  // namespace

extern const OpDef kCosh;
constexpr OpDef kCosh =
    UnaryRoom({.name = "Cosh", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kCosh>},
              kFormalInput, kFormalOutput);

}  // namespace ortolan
