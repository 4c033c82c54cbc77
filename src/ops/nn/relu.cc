// Relu: max(x, 0); NaN stays NaN.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr TypeConstraint kSigned[] = {
    {"T", kFloatTypes | SetOf(DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64)}};

constexpr int kVersions[] = {1, 6, 13, 14};

}  // namespace

extern const OpDef kRelu;
constexpr OpDef kRelu =
    UnaryRoom({.name = "Relu", .versions = kVersions, .types = kSigned, .emit = EmitUnary<TileOp::kRelu>});

}  // namespace ortolan
