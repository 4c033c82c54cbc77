// Sub: a - b with broadcasting. Integers wrap around.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

// Shape arithmetic.
std::optional<graph::Dim> Combine(graph::Dim a, graph::Dim b) {
  return a - b;
}
Status Infer(InferContext& context) {
  return InferCombined(context, Combine);
}

constexpr int kVersions[] = {1, 6, 7, 13, 14};

}  // namespace

extern const OpDef kSub;
constexpr OpDef kSub = WithInfer(
    BinaryRoom({.name = "Sub", .versions = kVersions, .types = kNumericT, .emit = EmitBinary<TileOp::kSub>}),
    Infer);

}  // namespace ortolan
