// BitwiseNot: every bit of an integer turned.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {18};

}  // namespace

extern const OpDef kBitwiseNot;
constexpr OpDef kBitwiseNot = UnaryRoom(
    {.name = "BitwiseNot", .versions = kVersions, .types = kIntegerT, .emit = EmitUnary<TileOp::kNot>});

}  // namespace ortolan
