// QOrderedLayerNormalization: LayerNormalization of bytes in an order of cublasLt.
#include "ops/contrib/ordered.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t order = attributes.Int("order_X", 1), axis = attributes.Int("axis", -1);
  if (attributes.Int("order_Y", order) != order)
    return InvalidArgument("QOrderedLayerNormalization: order_Y is not order_X");
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * x, ByRows(make, make.input(0), order));
  graph::Value* bias = make.input(3) != nullptr ? make.Cast(make.input(3), DType::kFloat) : nullptr;
  graph::Value* y = make.Node("LayerNormalization",
                              {Scaled(make, x, make.input(1)), make.Cast(make.input(2), DType::kFloat), bias},
                              {{"axis", axis}, {"epsilon", attributes.Float("epsilon", 1e-5f)}});
  ORTOLAN_ASSIGN_OR_RETURN(y, InOrder(make, Rounded(make, y, make.input(4)), order));
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"X", "Q"}, {"scale_X", "S"}, {"scale", "F"}, {"B", "F", Arity::kOptional}, {"scale_Y", "S"}};
constexpr FormalParameter kOutputs[] = {{"Y", "Q"}};
constexpr TypeConstraint kTypes[] = {
    {"Q", SetOf(DType::kInt8)}, {"F", SetOf(DType::kFloat, DType::kFloat16)}, {"S", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeType::kInt},
                                         {"epsilon", AttributeType::kFloat},
                                         {"order_X", AttributeType::kInt},
                                         {"order_Y", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsQOrderedLayerNormalization;
constexpr OpDef kMsQOrderedLayerNormalization{.domain = "com.microsoft",
                                              .name = "QOrderedLayerNormalization",
                                              .versions = kVersions,
                                              .inputs = kInputs,
                                              .outputs = kOutputs,
                                              .types = kTypes,
                                              .attributes = kAttributes,
                                              .raise = Raise};

}  // namespace ortolan
