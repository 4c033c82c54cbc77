// Less: a < b with broadcasting, as bool; false where either is NaN.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1, 7, 9, 13};

}  // namespace

extern const OpDef kLess;
constexpr OpDef kLess = ComparisonRoom(
    {.name = "Less", .versions = kVersions, .types = kComparedT, .emit = EmitBinary<TileOp::kLess>});

}  // namespace ortolan
