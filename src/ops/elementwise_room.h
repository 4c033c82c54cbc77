// What the rooms of elementwise operators share: declarations that repeat, emits of one instruction,
// inference with integer contents, and the broadcasting that opsets before 7 had. A room of one instruction
// is a name, its versions, its types and the instruction.
#pragma once

#include "ops/elementwise.h"

namespace ortolan {

using graph::AttributeType;
using kernels::Element;
using kernels::Reg;
using kernels::TileOp;

// Formal parameters as ONNX spells them.
inline constexpr FormalParameter kFormalX[] = {{"X", "T"}};
inline constexpr FormalParameter kFormalY[] = {{"Y", "T"}};
inline constexpr FormalParameter kFormalInput[] = {{"input", "T"}};
inline constexpr FormalParameter kFormalOutput[] = {{"output", "T"}};
inline constexpr FormalParameter kFormalAB[] = {{"A", "T"}, {"B", "T"}};
inline constexpr FormalParameter kFormalC[] = {{"C", "T"}};
inline constexpr FormalParameter kFormalCBool[] = {{"C", "T1"}};
inline constexpr FormalParameter kFormalData[] = {{"data_0", "T", Arity::kVariadic}};

inline constexpr DTypeSet kBoolType = SetOf(DType::kBool);
inline constexpr DTypeSet kFloat8Types =
    SetOf(DType::kFloat8E4M3FN, DType::kFloat8E4M3FNUZ, DType::kFloat8E5M2, DType::kFloat8E5M2FNUZ);
inline constexpr TypeConstraint kFloatingT[] = {{"T", kFloatTypes}};
inline constexpr TypeConstraint kIntegerT[] = {{"T", kIntegerTypes}};
inline constexpr TypeConstraint kNumericT[] = {{"T", kNumericTypes}};
inline constexpr TypeConstraint kBoolT[] = {{"T", kBoolType}, {"T1", kBoolType}};
inline constexpr TypeConstraint kComparedT[] = {{"T", kNumericTypes}, {"T1", kBoolType}};

// Before opset 7: B's axes stand at `axis` of A, counted from A's first.
inline constexpr AttributeSpec kAxisBroadcast[] = {{"axis", AttributeType::kInt},
                                                   {"broadcast", AttributeType::kInt}};
Status RaiseAxisBroadcast(RaiseContext& context);

template <TileOp kOp>
Status EmitUnary(EmitContext& context) {
  context.SetOutput(context.Emit(kOp, context.input(0)));
  return OkStatus();
}
template <TileOp kOp>
Status EmitBinary(EmitContext& context) {
  context.SetOutput(context.Emit(kOp, context.input(0), context.input(1)));
  return OkStatus();
}
// a > b is b < a.
template <TileOp kOp>
Status EmitSwapped(EmitContext& context) {
  context.SetOutput(context.Emit(kOp, context.input(1), context.input(0)));
  return OkStatus();
}
// All inputs one after the other.
template <TileOp kOp>
Status EmitVariadic(EmitContext& context) {
  Reg result = context.input(0);
  for (size_t i = 1; i < context.input_count(); ++i) result = context.Emit(kOp, result, context.input(i));
  context.SetOutput(result);
  return OkStatus();
}

// Broadcast shape, and the contents of small integer results where `combine` can tell an element from its two
// operands.
using CombineDims = std::optional<graph::Dim> (*)(graph::Dim a, graph::Dim b);
Status InferCombined(InferContext& context, CombineDims combine);

// One operation an element, each operand moved once.
Cost ElementwiseCost(const graph::Node& node, const BindContext& shapes);

struct Room {
  std::string_view name;
  std::span<const int> versions;
  std::span<const TypeConstraint> types;
  Status (*emit)(EmitContext& context);
  std::span<const AttributeSpec> attributes = {};
};

// X -> Y of one type and shape.
constexpr OpDef UnaryRoom(const Room& room, std::span<const FormalParameter> inputs = kFormalX,
                          std::span<const FormalParameter> outputs = kFormalY) {
  return {.domain = "",
          .name = room.name,
          .versions = room.versions,
          .inputs = inputs,
          .outputs = outputs,
          .types = room.types,
          .attributes = room.attributes,
          .traits = {.in_place = 1},
          .infer = InferSameShape,
          .cost = ElementwiseCost,
          .emit = room.emit};
}
// A, B -> C with broadcasting. Those of opset 1 had axis and broadcast.
constexpr OpDef BinaryRoom(const Room& room, std::span<const FormalParameter> outputs = kFormalC) {
  const bool old = room.versions[0] < 7;
  return {.domain = "",
          .name = room.name,
          .versions = room.versions,
          .inputs = kFormalAB,
          .outputs = outputs,
          .types = room.types,
          .attributes = room.attributes,
          .traits = {.in_place = 3},
          .raise = old ? RaiseAxisBroadcast : nullptr,
          .infer = InferBroadcast,
          .cost = ElementwiseCost,
          .emit = room.emit,
          .old_attributes =
              old ? std::span<const AttributeSpec>(kAxisBroadcast) : std::span<const AttributeSpec>()};
}
constexpr OpDef ComparisonRoom(const Room& room) {
  return BinaryRoom(room, kFormalCBool);
}
// Any number of inputs with broadcasting.
constexpr OpDef VariadicRoom(const Room& room, std::span<const FormalParameter> outputs) {
  return {.domain = "",
          .name = room.name,
          .versions = room.versions,
          .inputs = kFormalData,
          .outputs = outputs,
          .types = room.types,
          .attributes = room.attributes,
          .traits = {.in_place = 3},
          .infer = InferBroadcast,
          .cost = ElementwiseCost,
          .emit = room.emit};
}
// The room with inference of its own.
constexpr OpDef WithInfer(OpDef op, Status (*infer)(InferContext& context)) {
  op.infer = infer;
  return op;
}

}  // namespace ortolan
