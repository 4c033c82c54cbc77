// Atanh: the inverse hyperbolic tangent; NaN outside [-1, 1].
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {9, 22};

}  // namespace

extern const OpDef kAtanh;
constexpr OpDef kAtanh = UnaryRoom(
    {.name = "Atanh", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kAtanh>},
    kFormalInput, kFormalOutput);

}  // namespace ortolan
