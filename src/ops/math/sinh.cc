// Sinh: the hyperbolic sine.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {9, 22};

}  // namespace

extern const OpDef kSinh;
constexpr OpDef kSinh =
    UnaryRoom({.name = "Sinh", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kSinh>},
              kFormalInput, kFormalOutput);

}  // namespace ortolan
