// BitwiseXor: the bits that exactly one has, of integers with broadcasting.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {18};

}  // namespace

extern const OpDef kBitwiseXor;
constexpr OpDef kBitwiseXor = BinaryRoom(
    {.name = "BitwiseXor", .versions = kVersions, .types = kIntegerT, .emit = EmitBinary<TileOp::kXor>});

}  // namespace ortolan
