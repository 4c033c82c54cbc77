// Mean: the mean of all inputs, broadcast to each other.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

Status EmitMean(EmitContext& context) {
  ORTOLAN_RETURN_IF_ERROR(EmitVariadic<TileOp::kAdd>(context));
  const double count = static_cast<double>(context.input_count());
  context.SetOutput(context.Emit(TileOp::kDiv, context.output(), context.Constant(context.output(), count)));
  return OkStatus();
}

constexpr int kVersions[] = {1, 6, 8, 13};
constexpr FormalParameter kOutputs[] = {{"mean", "T"}};

}  // namespace

extern const OpDef kMean;
constexpr OpDef kMean =
    VariadicRoom({.name = "Mean", .versions = kVersions, .types = kFloatingT, .emit = EmitMean}, kOutputs);

}  // namespace ortolan
