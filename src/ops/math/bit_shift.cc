// BitShift: x shifted by y bits, LEFT or RIGHT, with broadcasting. Shifting by the width or more leaves no
// bits (copies of the sign, to the right). Refuses any other direction.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status Emit(EmitContext& context) {
  const std::string_view direction = context.attributes().String("direction", "");
  if (direction != "LEFT" && direction != "RIGHT") {
    return InvalidArgument("Invalid direction value of '{}'. Valid values are 'LEFT' or 'RIGHT'.", direction);
  }
  const TileOp op = direction == "LEFT" ? TileOp::kShiftLeft : TileOp::kShiftRight;
  context.SetOutput(context.Emit(op, context.input(0), context.input(1)));
  return OkStatus();
}

constexpr int kVersions[] = {11, 28};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"Y", "T"}};
constexpr FormalParameter kOutputs[] = {{"Z", "T"}};
constexpr AttributeSpec kAttributes[] = {{"direction", AttributeType::kString, true}};

}  // namespace

extern const OpDef kBitShift;
constexpr OpDef kBitShift{.domain = "",
                          .name = "BitShift",
                          .versions = kVersions,
                          .inputs = kInputs,
                          .outputs = kOutputs,
                          .types = kIntegerT,
                          .attributes = kAttributes,
                          .traits = {.in_place = 3},
                          .infer = InferBroadcast,
                          .cost = ElementwiseCost,
                          .emit = Emit};

}  // namespace ortolan
