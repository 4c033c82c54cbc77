// Pow: x to the power y with broadcasting, in the type of x. An integer base takes an integer exponent
// exactly, wrapping around, and a floating one through double.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status Emit(EmitContext& context) {
  kernels::ProgramBuilder& builder = context.builder();
  const Element base = builder.TypeOf(context.input(0));
  // The result is converted back to the type of x by whoever called.
  const Element computed =
      !IsFloating(context.dtype(0)) && IsFloating(context.dtype(1)) ? Element::kF64 : base;
  const Reg x = builder.Convert(context.input(0), computed);
  // A 64-bit exponent of a 32-bit integer keeps its range this way: it is not wrapped before it is used.
  const bool wider = !IsFloating(context.dtype(0)) && context.dtype(1) == DType::kInt64;
  if (wider) {
    const Reg power = context.Emit(TileOp::kPow, builder.Convert(x, Element::kI64),
                                   builder.Convert(context.input(1), Element::kI64));
    context.SetOutput(power);
    return OkStatus();
  }
  context.SetOutput(context.Emit(TileOp::kPow, x, builder.Convert(context.input(1), computed)));
  return OkStatus();
}

constexpr int kVersions[] = {1, 7, 12, 13, 15};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"Y", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Z", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes | SetOf(DType::kInt32, DType::kInt64)},
                                     {"T1", kNumericTypes}};

}  // namespace

extern const OpDef kPow;
constexpr OpDef kPow{.domain = "",
                     .name = "Pow",
                     .versions = kVersions,
                     .inputs = kInputs,
                     .outputs = kOutputs,
                     .types = kTypes,
                     .traits = {.in_place = 3},
                     .raise = RaiseAxisBroadcast,
                     .infer = InferBroadcast,
                     .cost = ElementwiseCost,
                     .emit = Emit,
                     .old_attributes = kAxisBroadcast};

}  // namespace ortolan
