// Not: the logical negation.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1};

}  // namespace

extern const OpDef kNot;
constexpr OpDef kNot =
    UnaryRoom({.name = "Not", .versions = kVersions, .types = kBoolT, .emit = EmitUnary<TileOp::kNot>});

}  // namespace ortolan
