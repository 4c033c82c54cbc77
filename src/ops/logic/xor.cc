// Xor: whether exactly one of a and b is true, with broadcasting.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1, 7};

}  // namespace

extern const OpDef kXor;
constexpr OpDef kXor =
    ComparisonRoom({.name = "Xor", .versions = kVersions, .types = kBoolT, .emit = EmitBinary<TileOp::kXor>});

}  // namespace ortolan
