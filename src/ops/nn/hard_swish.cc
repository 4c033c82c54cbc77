// HardSwish: x * clip(x / 6 + 0.5, 0, 1).
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {14, 22};

}  // namespace

extern const OpDef kHardSwish;
constexpr OpDef kHardSwish = UnaryRoom(
    {.name = "HardSwish", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kHardSwish>});

}  // namespace ortolan
