// Neg: -x; the lowest integer stays itself.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr TypeConstraint kSigned[] = {
    {"T", kFloatTypes | SetOf(DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64)}};

constexpr int kVersions[] = {1, 6, 13};

}  // namespace

extern const OpDef kNeg;
constexpr OpDef kNeg =
    UnaryRoom({.name = "Neg", .versions = kVersions, .types = kSigned, .emit = EmitUnary<TileOp::kNeg>});

}  // namespace ortolan
