// Div: a / b with broadcasting. Integers are truncated towards zero; the lowest number by -1 wraps around.
// Refuses at run time to divide an integer by zero.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

// Shape arithmetic.
std::optional<graph::Dim> Combine(graph::Dim a, graph::Dim b) {
  // Dimensions are never negative, and a constant is looked at: there rounding down is truncation.
  if (b.Is(0) || (a.IsConstant() && a.constant() < 0) || (b.IsConstant() && b.constant() < 0))
    return std::nullopt;
  return graph::Dim::FloorDiv(a, b);
}
Status Infer(InferContext& context) {
  return InferCombined(context, Combine);
}

constexpr int kVersions[] = {1, 6, 7, 13, 14};

}  // namespace

extern const OpDef kDiv;
constexpr OpDef kDiv = WithInfer(
    BinaryRoom({.name = "Div", .versions = kVersions, .types = kNumericT, .emit = EmitBinary<TileOp::kDiv>}),
    Infer);

}  // namespace ortolan
