// Asinh: the inverse hyperbolic sine.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {9, 22};

}  // namespace

extern const OpDef kAsinh;
constexpr OpDef kAsinh = UnaryRoom(
    {.name = "Asinh", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kAsinh>},
    kFormalInput, kFormalOutput);

}  // namespace ortolan
