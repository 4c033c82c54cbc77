// Reciprocal: 1 / x.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1, 6, 13};

}  // namespace

extern const OpDef kReciprocal;
constexpr OpDef kReciprocal = UnaryRoom({.name = "Reciprocal",
                                         .versions = kVersions,
                                         .types = kFloatingT,
                                         .emit = EmitUnary<TileOp::kReciprocal>});

}  // namespace ortolan
