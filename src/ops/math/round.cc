// Round: the nearest whole number, halves to even.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {11, 22};

}  // namespace

extern const OpDef kRound;
constexpr OpDef kRound = UnaryRoom(
    {.name = "Round", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kRound>});

}  // namespace ortolan
