// BitwiseOr: the bits that either has, of integers with broadcasting.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {18};

}  // namespace

extern const OpDef kBitwiseOr;
constexpr OpDef kBitwiseOr = BinaryRoom(
    {.name = "BitwiseOr", .versions = kVersions, .types = kIntegerT, .emit = EmitBinary<TileOp::kOr>});

}  // namespace ortolan
