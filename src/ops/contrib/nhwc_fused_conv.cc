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

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"X", "T"}, {"W", "T"}, {"B", "T", Arity::kOptional}, {"Z", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {
    {"activation", AttributeType::kString}, {"activation_params", AttributeType::kFloats},
    {"auto_pad", AttributeType::kString},   {"dilations", AttributeType::kInts},
    {"group", AttributeType::kInt},         {"kernel_shape", AttributeType::kInts},
    {"pads", AttributeType::kInts},         {"strides", AttributeType::kInts}};

}  // namespace

extern const OpDef kMsNhwcFusedConv;
constexpr OpDef kMsNhwcFusedConv{.domain = "com.microsoft",
                                 .name = "NhwcFusedConv",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .attributes = kAttributes,
                                 .raise = Raise};

}  // namespace ortolan
