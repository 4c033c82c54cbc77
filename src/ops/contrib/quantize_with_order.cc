// QuantizeWithOrder: bytes of a matrix, in an order of cublasLt.
#include "ops/contrib/ordered.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * x, ByRows(make, make.input(0), attributes.Int("order_input", 1)));
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * y,
                           InOrder(make, Rounded(make, x, make.input(1)), attributes.Int("order_output", 1)));
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "F"}, {"scale_input", "S"}};
constexpr FormalParameter kOutputs[] = {{"output", "Q"}};
constexpr TypeConstraint kTypes[] = {
    {"Q", SetOf(DType::kInt8)}, {"F", SetOf(DType::kFloat, DType::kFloat16)}, {"S", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"order_input", AttributeType::kInt, true},
                                         {"order_output", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kMsQuantizeWithOrder;
constexpr OpDef kMsQuantizeWithOrder{.domain = "com.microsoft",
                                     .name = "QuantizeWithOrder",
                                     .versions = kVersions,
                                     .inputs = kInputs,
                                     .outputs = kOutputs,
                                     .types = kTypes,
                                     .attributes = kAttributes,
                                     .raise = Raise};

}  // namespace ortolan
