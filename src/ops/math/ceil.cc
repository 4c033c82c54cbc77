// Ceil: the smallest whole number not below x.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1, 6, 13};

}  // namespace

extern const OpDef kCeil;
constexpr OpDef kCeil =
    UnaryRoom({.name = "Ceil", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kCeil>});

}  // namespace ortolan
