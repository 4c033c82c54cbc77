// Greater: a > b with broadcasting, as bool; false where either is NaN.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1, 7, 9, 13};

}  // namespace

extern const OpDef kGreater;
constexpr OpDef kGreater = ComparisonRoom(
    {.name = "Greater", .versions = kVersions, .types = kComparedT, .emit = EmitSwapped<TileOp::kLess>});

}  // namespace ortolan
