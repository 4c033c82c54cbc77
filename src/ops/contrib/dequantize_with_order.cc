// DequantizeWithOrder: the numbers of a matrix of bytes in an order of cublasLt.
#include "ops/contrib/ordered.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const auto to = static_cast<DType>(attributes.Int("to", 1));
  if (to != DType::kFloat && to != DType::kFloat16)
    return InvalidArgument("DequantizeWithOrder: to {}", attributes.Int("to", 1));
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * x, ByRows(make, make.input(0), attributes.Int("order_input", 1)));
  x = make.Cast(Scaled(make, x, make.input(1)), to);
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * y, InOrder(make, x, attributes.Int("order_output", 1)));
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "Q"}, {"scale_input", "S"}};
constexpr FormalParameter kOutputs[] = {{"output", "F"}};
constexpr TypeConstraint kTypes[] = {
    {"Q", SetOf(DType::kInt8)}, {"F", SetOf(DType::kFloat, DType::kFloat16)}, {"S", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"order_input", AttributeType::kInt, true},
                                         {"order_output", AttributeType::kInt, true},
                                         {"to", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kMsDequantizeWithOrder;
constexpr OpDef kMsDequantizeWithOrder{.domain = "com.microsoft",
                                       .name = "DequantizeWithOrder",
                                       .versions = kVersions,
                                       .inputs = kInputs,
                                       .outputs = kOutputs,
                                       .types = kTypes,
                                       .attributes = kAttributes,
                                       .raise = Raise};

}  // namespace ortolan
