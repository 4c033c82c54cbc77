// Sum: the sum of all inputs, broadcast to each other.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

constexpr int kVersions[] = {1, 6, 8, 13};
constexpr FormalParameter kOutputs[] = {{"sum", "T"}};

}  // namespace

extern const OpDef kSum;
constexpr OpDef kSum = VariadicRoom(
    {.name = "Sum", .versions = kVersions, .types = kFloatingT, .emit = EmitVariadic<TileOp::kAdd>},
    kOutputs);

}  // namespace ortolan
