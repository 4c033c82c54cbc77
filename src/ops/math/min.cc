// Min: the least of all inputs, broadcast to each other; NaN where any is NaN.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

// Shape arithmetic.
std::optional<graph::Dim> Combine(graph::Dim a, graph::Dim b) {
  return graph::Dim::Min(a, b);
}
Status Infer(InferContext& context) {
  return InferCombined(context, Combine);
}

constexpr int kVersions[] = {1, 6, 8, 12, 13};
constexpr FormalParameter kOutputs[] = {{"min", "T"}};

}  // namespace

extern const OpDef kMin;
constexpr OpDef kMin = WithInfer(
    VariadicRoom(
        {.name = "Min", .versions = kVersions, .types = kNumericT, .emit = EmitVariadic<TileOp::kMin>},
        kOutputs),
    Infer);

}  // namespace ortolan
