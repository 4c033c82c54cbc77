// Add: a + b with broadcasting. Integers wrap around.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

// Shape arithmetic.
std::optional<graph::Dim> Combine(graph::Dim a, graph::Dim b) {
  return a + b;
}
Status Infer(InferContext& context) {
  return InferCombined(context, Combine);
}

constexpr int kVersions[] = {1, 6, 7, 13, 14};

}  // namespace

extern const OpDef kAdd;
constexpr OpDef kAdd = WithInfer(
    BinaryRoom({.name = "Add", .versions = kVersions, .types = kNumericT, .emit = EmitBinary<TileOp::kAdd>}),
    Infer);

}  // namespace ortolan
