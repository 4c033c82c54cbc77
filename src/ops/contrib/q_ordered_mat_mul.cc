// QOrderedMatMul: a product of bytes in orders of cublasLt, with a bias and another matrix added.
#include "ops/contrib/ordered.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  enum Input : size_t { kA, kScaleA, kB, kScaleB, kScaleY, kBias, kC, kScaleC };
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t order = attributes.Int("order_A", 1);
  if (attributes.Int("order_Y", order) != order)
    return InvalidArgument("QOrderedMatMul: order_Y is not order_A");
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * a, ByRows(make, make.input(kA), order));
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * b,
                           OrderedWeights(make, make.input(kB), attributes.Int("order_B", 0)));
  // Sums of products of bytes are whole numbers, which float holds up to 2^24; MatMulInteger holds them all.
  graph::Value* y = make.Cast(make.Node("MatMulInteger", {a, b}), DType::kFloat);
  y = make.Node("Mul", {y, make.Node("Mul", {make.input(kScaleA), make.input(kScaleB)})});
  if (make.input(kBias) != nullptr) y = make.Node("Add", {y, make.input(kBias)});
  if (make.input(kC) != nullptr) {
    if (make.input(kScaleC) == nullptr) return InvalidArgument("QOrderedMatMul: C needs scale_C");
    ORTOLAN_ASSIGN_OR_RETURN(graph::Value * c, ByRows(make, make.input(kC), order));
    y = make.Node("Add", {y, Scaled(make, c, make.input(kScaleC))});
  }
  ORTOLAN_ASSIGN_OR_RETURN(y, InOrder(make, Rounded(make, y, make.input(kScaleY)), order));
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "Q"},
                                       {"scale_A", "S"},
                                       {"B", "Q"},
                                       {"scale_B", "S"},
                                       {"scale_Y", "S"},
                                       {"bias", "S", Arity::kOptional},
                                       {"C", "Q", Arity::kOptional},
                                       {"scale_C", "S", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "Q"}};
constexpr TypeConstraint kTypes[] = {{"Q", SetOf(DType::kInt8)}, {"S", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"order_A", AttributeType::kInt, true},
                                         {"order_B", AttributeType::kInt, true},
                                         {"order_Y", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kMsQOrderedMatMul;
constexpr OpDef kMsQOrderedMatMul{.domain = "com.microsoft",
                                  .name = "QOrderedMatMul",
                                  .versions = kVersions,
                                  .inputs = kInputs,
                                  .outputs = kOutputs,
                                  .types = kTypes,
                                  .attributes = kAttributes,
                                  .raise = Raise};

}  // namespace ortolan
