// Max: the largest of all inputs, broadcast to each other; NaN where any is NaN.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

// Shape arithmetic.
std::optional<graph::Dim> Combine(graph::Dim a, graph::Dim b) {
  return graph::Dim::Max(a, b);
}
Status Infer(InferContext& context) {
  return InferCombined(context, Combine);
}

constexpr int kVersions[] = {1, 6, 8, 12, 13};
constexpr FormalParameter kOutputs[] = {{"max", "T"}};

}  // namespace

extern const OpDef kMax;
constexpr OpDef kMax = WithInfer(
    VariadicRoom(
        {.name = "Max", .versions = kVersions, .types = kNumericT, .emit = EmitVariadic<TileOp::kMax>},
        kOutputs),
    Infer);

}  // namespace ortolan
