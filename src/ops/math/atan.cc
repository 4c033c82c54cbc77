// Atan: the arctangent.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {7, 22};

}  // namespace

extern const OpDef kAtan;
constexpr OpDef kAtan =
    UnaryRoom({.name = "Atan", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kAtan>},
              kFormalInput, kFormalOutput);

}  // namespace ortolan
