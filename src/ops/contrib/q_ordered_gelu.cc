// QOrderedGelu: GELU of bytes; the order of a matrix does not matter to it.
#include "ops/contrib/ordered.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  if (attributes.Int("order_X", 1) != attributes.Int("order_Y", attributes.Int("order_X", 1)))
    return InvalidArgument("QOrderedGelu: order_Y is not order_X");
  Composer make(context);
  graph::Value* y = make.Node("Gelu", {Scaled(make, make.input(0), make.input(1))});
  return make.Finish({Rounded(make, y, make.input(2))});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "Q"}, {"scale_X", "S"}, {"scale_Y", "S"}};
constexpr FormalParameter kOutputs[] = {{"Y", "Q"}};
constexpr TypeConstraint kTypes[] = {{"Q", SetOf(DType::kInt8)}, {"S", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"order_X", AttributeType::kInt}, {"order_Y", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsQOrderedGelu;
constexpr OpDef kMsQOrderedGelu{.domain = "com.microsoft",
                                .name = "QOrderedGelu",
                                .versions = kVersions,
                                .inputs = kInputs,
                                .outputs = kOutputs,
                                .types = kTypes,
                                .attributes = kAttributes,
                                .raise = Raise};

}  // namespace ortolan
