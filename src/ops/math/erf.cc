// Erf: the error function. Integers, which it takes for the sake of opset 9, through a float.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {9, 13};

}  // namespace

extern const OpDef kErf;
constexpr OpDef kErf =
    UnaryRoom({.name = "Erf", .versions = kVersions, .types = kNumericT, .emit = EmitUnary<TileOp::kErf>},
              kFormalInput, kFormalOutput);

}  // namespace ortolan
