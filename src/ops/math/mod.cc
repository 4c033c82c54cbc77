// Mod: the rest of a / b with broadcasting: with the sign of b as Python's %, or with fmod = 1 the sign of a
// as C's fmod. Refuses floating types without fmod below opset 28, and at run time an integer divided by
// zero.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  if (context.opset >= 28) return OkStatus();
  const graph::Value* a = context.node.input(0);
  if (context.node.attributes.Int("fmod", 0) == 0 && a != nullptr && IsFloating(a->type.dtype)) {
    return Fail("fmod attribute must be true for floating point types");
  }
  return OkStatus();
}

// The rest of floats with the sign of b: C's, moved by b where the signs differ; a zero has the sign of b.
Reg EmitFloored(EmitContext& context) {
  const Reg a = context.input(0), b = context.input(1);
  const Reg rest = context.Emit(TileOp::kFmod, a, b);
  const Reg zero = context.Constant(a, 0);
  const Reg differ = context.Emit(TileOp::kXor, context.Emit(TileOp::kLess, rest, zero),
                                  context.Emit(TileOp::kLess, b, zero));
  const Reg moved = context.Emit(TileOp::kSelect, differ, context.Emit(TileOp::kAdd, rest, b), rest);
  const Reg signed_zero = context.Emit(TileOp::kMul, zero, context.Emit(TileOp::kSign, b));
  return context.Emit(TileOp::kSelect, context.Emit(TileOp::kEqual, rest, zero), signed_zero, moved);
}

Status Emit(EmitContext& context) {
  const int64_t fmod = context.attributes().Int("fmod", 0);
  if (fmod != 0 && fmod != 1) return InvalidArgument("Mod: fmod must be 0 or 1, not {}", fmod);
  if (fmod == 0 && IsFloating(context.dtype(0))) {
    context.SetOutput(EmitFloored(context));
    return OkStatus();
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

constexpr OpDef WithRaise(OpDef op) {
  op.raise = Raise;
  return op;
}

constexpr int kVersions[] = {10, 13, 28};
constexpr AttributeSpec kAttributes[] = {{"fmod", AttributeType::kInt}};

}  // namespace

extern const OpDef kMod;
constexpr OpDef kMod = WithRaise(WithInfer(
    BinaryRoom(
        {.name = "Mod", .versions = kVersions, .types = kNumericT, .emit = Emit, .attributes = kAttributes}),
    Infer));

}  // namespace ortolan
