// Abs: the absolute value; the lowest integer stays itself.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1, 6, 13};

}  // namespace

extern const OpDef kAbs;
constexpr OpDef kAbs =
    UnaryRoom({.name = "Abs", .versions = kVersions, .types = kNumericT, .emit = EmitUnary<TileOp::kAbs>});

}  // namespace ortolan
