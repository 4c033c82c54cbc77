// IsInf: whether each element is infinite, on the sides that detect_negative and detect_positive ask for.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status Emit(EmitContext& context) {
  const Reg x = context.input(0);
  const bool negative = context.attributes().Int("detect_negative", 1) != 0;
  const bool positive = context.attributes().Int("detect_positive", 1) != 0;
  const Reg below = context.Emit(TileOp::kIsNegativeInf, x);
  const Reg above = context.Emit(TileOp::kIsPositiveInf, x);
  if (negative && positive) {
    context.SetOutput(context.Emit(TileOp::kOr, below, above));
  } else {
    context.SetOutput(negative ? below : positive ? above : context.builder().Constant(Element::kBool, 0));
  }
  return OkStatus();
}

constexpr int kVersions[] = {10, 20};
constexpr FormalParameter kInputs[] = {{"X", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", kFloatTypes | kFloat8Types}, {"T2", kBoolType}};
constexpr AttributeSpec kAttributes[] = {{"detect_negative", AttributeType::kInt},
                                         {"detect_positive", AttributeType::kInt}};

}  // namespace

extern const OpDef kIsInf;
constexpr OpDef kIsInf = UnaryRoom(
    {.name = "IsInf", .versions = kVersions, .types = kTypes, .emit = Emit, .attributes = kAttributes},
    kInputs, kOutputs);

}  // namespace ortolan
