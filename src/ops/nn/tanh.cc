// Tanh: the hyperbolic tangent.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1, 6, 13};

}  // namespace

extern const OpDef kTanh;
constexpr OpDef kTanh =
    UnaryRoom({.name = "Tanh", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kTanh>},
              kFormalInput, kFormalOutput);

}  // namespace ortolan
