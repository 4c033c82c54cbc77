// Floor: the largest whole number not above x.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1, 6, 13};

}  // namespace

extern const OpDef kFloor;
constexpr OpDef kFloor = UnaryRoom(
    {.name = "Floor", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kFloor>});

}  // namespace ortolan
