// Gelu: x * (1 + erf(x / sqrt 2)) / 2, or its tanh form. Refuses an `approximate` other than none and tanh.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status Emit(EmitContext& context) {
  const std::string_view form = context.attributes().String("approximate", "none");
  if (form != "none" && form != "tanh") {
    return InvalidArgument("Gelu: approximate must be none or tanh, not '{}'", form);
  }
  context.SetOutput(context.Emit(form == "tanh" ? TileOp::kGeluTanh : TileOp::kGelu, context.input(0)));
  return OkStatus();
}

constexpr int kVersions[] = {20};
constexpr AttributeSpec kAttributes[] = {{"approximate", AttributeType::kString}};

}  // namespace

extern const OpDef kGelu;
constexpr OpDef kGelu = UnaryRoom(
    {.name = "Gelu", .versions = kVersions, .types = kFloatingT, .emit = Emit, .attributes = kAttributes});

}  // namespace ortolan
