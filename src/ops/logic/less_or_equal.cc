// LessOrEqual: a <= b with broadcasting, as bool; false where either is NaN.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {12, 16};

}  // namespace

extern const OpDef kLessOrEqual;
constexpr OpDef kLessOrEqual = ComparisonRoom({.name = "LessOrEqual",
                                               .versions = kVersions,
                                               .types = kComparedT,
                                               .emit = EmitBinary<TileOp::kLessEqual>});

}  // namespace ortolan
