// Sigmoid: 1 / (1 + e^-x).
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1, 6, 13};

}  // namespace

extern const OpDef kSigmoid;
constexpr OpDef kSigmoid = UnaryRoom(
    {.name = "Sigmoid", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kSigmoid>});

}  // namespace ortolan
