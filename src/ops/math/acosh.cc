// Acosh: the inverse hyperbolic cosine; NaN below 1.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {9, 22};

}  // namespace

extern const OpDef kAcosh;
constexpr OpDef kAcosh = UnaryRoom(
    {.name = "Acosh", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kAcosh>},
    kFormalInput, kFormalOutput);

}  // namespace ortolan
