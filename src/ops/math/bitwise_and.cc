// BitwiseAnd: the bits that both have, of integers with broadcasting.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {18};

}  // namespace

extern const OpDef kBitwiseAnd;
constexpr OpDef kBitwiseAnd = BinaryRoom(
    {.name = "BitwiseAnd", .versions = kVersions, .types = kIntegerT, .emit = EmitBinary<TileOp::kAnd>});

}  // namespace ortolan
