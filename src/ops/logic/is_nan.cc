// IsNaN: whether each element is NaN.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {9, 13, 20};
constexpr FormalParameter kInputs[] = {{"X", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", kFloatTypes | kFloat8Types}, {"T2", kBoolType}};

}  // namespace

extern const OpDef kIsNaN;
constexpr OpDef kIsNaN =
    UnaryRoom({.name = "IsNaN", .versions = kVersions, .types = kTypes, .emit = EmitUnary<TileOp::kIsNan>},
              kInputs, kOutputs);

}  // namespace ortolan
