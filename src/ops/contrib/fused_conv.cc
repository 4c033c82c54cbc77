// FusedConv: Conv, plus a tensor of the shape of its result, with an activation behind them.
#include "ops/compose.h"
#include "ops/contrib/activation.h"
#include "ops/contrib/convolution.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  graph::Value* y = make.Node("Conv", {make.input(0), make.input(1), make.input(2)},
                              ConvAttributes(context.node.attributes));
  if (make.input(3) != nullptr) y = make.Node("Add", {y, make.input(3)});
  ORTOLAN_ASSIGN_OR_RETURN(y, ActivatedByParams(make, y));
  return make.Finish({y});
}

constexpr int kVersions[] = {1};

}  // namespace

extern const OpDef kMsFusedConv;
constexpr OpDef kMsFusedConv{.domain = "com.microsoft",
                             .name = "FusedConv",
                             .versions = kVersions,
                             .inputs = kFusedConvInputs,
                             .outputs = kFusedConvOutputs,
                             .types = kFusedConvTypes,
                             .attributes = kFusedConvAttributes,
                             .raise = Raise};

}  // namespace ortolan
