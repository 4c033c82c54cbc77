// Sign: -1, 0 or 1; NaN stays NaN.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {9, 13};

}  // namespace

extern const OpDef kSign;
constexpr OpDef kSign =
    UnaryRoom({.name = "Sign", .versions = kVersions, .types = kNumericT, .emit = EmitUnary<TileOp::kSign>},
              kFormalInput, kFormalOutput);

}  // namespace ortolan
