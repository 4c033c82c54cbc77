// Shrink: x + bias below -lambd, x - bias above lambd, else 0. Integers compute as double and are truncated.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status Emit(EmitContext& context) {
  kernels::ProgramBuilder& builder = context.builder();
  const bool floating = IsFloating(context.dtype(0));
  const Reg x = floating ? context.input(0) : builder.Convert(context.input(0), Element::kF64);
  const Reg bias = context.Constant(x, context.attributes().Float("bias", 0.0f));
  const float lambd = context.attributes().Float("lambd", 0.5f);
  const Reg is_low = context.Emit(TileOp::kLess, x, context.Constant(x, -lambd));
  const Reg is_high = context.Emit(TileOp::kLess, context.Constant(x, lambd), x);
  const Reg low = context.Emit(TileOp::kAdd, x, bias);
  const Reg high =
      context.Emit(TileOp::kSelect, is_high, context.Emit(TileOp::kSub, x, bias), context.Constant(x, 0));
  context.SetOutput(context.Emit(TileOp::kSelect, is_low, low, high));
  return OkStatus();
}

constexpr int kVersions[] = {9};
constexpr AttributeSpec kAttributes[] = {{"bias", AttributeType::kFloat}, {"lambd", AttributeType::kFloat}};

}  // namespace

extern const OpDef kShrink;
constexpr OpDef kShrink = UnaryRoom(
    {.name = "Shrink", .versions = kVersions, .types = kNumericT, .emit = Emit, .attributes = kAttributes},
    kFormalInput, kFormalOutput);

}  // namespace ortolan
