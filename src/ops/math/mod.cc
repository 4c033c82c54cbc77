// Mod: the rest of a / b with broadcasting: with the sign of b as Python's % (integers), or with fmod = 1 the
// sign of a as C's fmod. Refuses floating types without fmod, and at run time an integer divided by zero.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status Emit(EmitContext& context) {
  const int64_t fmod = context.attributes().Int("fmod", 0);
  if (fmod != 0 && fmod != 1) return InvalidArgument("Mod: fmod must be 0 or 1, not {}", fmod);
  if (fmod == 0 && IsFloating(context.dtype(0))) {
    return Fail("fmod attribute must be true for floating point types");
  }
  context.SetOutput(
      context.Emit(fmod == 1 ? TileOp::kFmod : TileOp::kMod, context.input(0), context.input(1)));
  return OkStatus();
}

// Shape arithmetic: for numbers at hand only.
std::optional<graph::Dim> Combine(graph::Dim a, graph::Dim b) {
  if (!a.IsConstant() || !b.IsConstant() || a.constant() < 0 || b.constant() <= 0) return std::nullopt;
  return graph::Dim(a.constant() % b.constant());
}
Status Infer(InferContext& context) {
  return InferCombined(context, Combine);
}

constexpr int kVersions[] = {10, 13, 28};
constexpr AttributeSpec kAttributes[] = {{"fmod", AttributeType::kInt}};

}  // namespace

extern const OpDef kMod;
constexpr OpDef kMod = WithInfer(
    BinaryRoom(
        {.name = "Mod", .versions = kVersions, .types = kNumericT, .emit = Emit, .attributes = kAttributes}),
    Infer);

}  // namespace ortolan
