// Or: a or b, with broadcasting.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1, 7};

}  // namespace

extern const OpDef kOr;
constexpr OpDef kOr =
    ComparisonRoom({.name = "Or", .versions = kVersions, .types = kBoolT, .emit = EmitBinary<TileOp::kOr>});

}  // namespace ortolan
