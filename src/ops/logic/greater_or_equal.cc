// GreaterOrEqual: a >= b with broadcasting, as bool; false where either is NaN.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {12, 16};

}  // namespace

extern const OpDef kGreaterOrEqual;
constexpr OpDef kGreaterOrEqual = ComparisonRoom({.name = "GreaterOrEqual",
                                                  .versions = kVersions,
                                                  .types = kComparedT,
                                                  .emit = EmitSwapped<TileOp::kLessEqual>});

}  // namespace ortolan
