// Sqrt: the square root; NaN below zero.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1, 6, 13};

}  // namespace

extern const OpDef kSqrt;
constexpr OpDef kSqrt =
    UnaryRoom({.name = "Sqrt", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kSqrt>});

}  // namespace ortolan
