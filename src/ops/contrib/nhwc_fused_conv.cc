// NhwcFusedConv: FusedConv of images whose channels stand last; the weights are those of Conv.
#include "ops/compose.h"
#include "ops/contrib/activation.h"
#include "ops/contrib/convolution.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * x, ChannelsFirst(make, make.input(0)));
  graph::Value* y =
      make.Node("Conv", {x, make.input(1), make.input(2)}, ConvAttributes(context.node.attributes));
  ORTOLAN_ASSIGN_OR_RETURN(y, ChannelsLast(make, y));
  if (make.input(3) != nullptr) y = make.Node("Add", {y, make.input(3)});
  ORTOLAN_ASSIGN_OR_RETURN(y, ActivatedByParams(make, y));
  return make.Finish({y});
}

constexpr int kVersions[] = {1};

}  // namespace

extern const OpDef kMsNhwcFusedConv;
constexpr OpDef kMsNhwcFusedConv{.domain = "com.microsoft",
                                 .name = "NhwcFusedConv",
                                 .versions = kVersions,
                                 .inputs = kFusedConvInputs,
                                 .outputs = kFusedConvOutputs,
                                 .types = kFusedConvTypes,
                                 .attributes = kFusedConvAttributes,
                                 .raise = Raise};

}  // namespace ortolan
