// And: a and b, with broadcasting.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1, 7};

}  // namespace

extern const OpDef kAnd;
constexpr OpDef kAnd =
    ComparisonRoom({.name = "And", .versions = kVersions, .types = kBoolT, .emit = EmitBinary<TileOp::kAnd>});

}  // namespace ortolan
