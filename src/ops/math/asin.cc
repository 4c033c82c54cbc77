// Asin: the arcsine; NaN outside [-1, 1].
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {7, 22};

}  // namespace

extern const OpDef kAsin;
constexpr OpDef kAsin =
    UnaryRoom({.name = "Asin", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kAsin>},
              kFormalInput, kFormalOutput);

}  // namespace ortolan
