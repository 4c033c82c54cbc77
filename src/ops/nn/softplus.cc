// Softplus: ln(1 + e^x), without overflow.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1, 22};

}  // namespace

extern const OpDef kSoftplus;
constexpr OpDef kSoftplus = UnaryRoom(
    {.name = "Softplus", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kSoftplus>});

}  // namespace ortolan
