// Log: the natural logarithm; -inf at zero, NaN below.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1, 6, 13};

}  // namespace

extern const OpDef kLog;
constexpr OpDef kLog =
    UnaryRoom({.name = "Log", .versions = kVersions, .types = kFloatingT, .emit = EmitUnary<TileOp::kLog>},
              kFormalInput, kFormalOutput);

}  // namespace ortolan
