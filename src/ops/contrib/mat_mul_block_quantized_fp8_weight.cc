// MatMulBlockQuantizedFp8Weight: A times weights of 8-bit floats with a scale for each block of a row; A
// itself is rounded to 8-bit floats where it has a scale, too.
#include "ops/contrib/block_weights.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  graph::Value *x = make.input(0), *scale = make.input(3);
  const DType type = x->type.dtype;
  if (scale != nullptr) {
    graph::Value* wide = make.Node("Div", {make.Cast(x, DType::kFloat), scale});
    graph::Value* rounded = make.Cast(make.Cast(wide, DType::kFloat8E4M3FN), DType::kFloat);
    x = make.Cast(make.Node("Mul", {rounded, scale}), type);
  }
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * y,
                           BlockScaledProduct(make, x, make.Cast(make.input(1), DType::kFloat), make.input(2),
                                              context.node.attributes.Int("block_size", 128), make.input(4)));
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T"},
                                       {"B", "T1"},
                                       {"b_scale", "T2"},
                                       {"a_scale", "T2", Arity::kOptional},
                                       {"bias", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16)},
                                     {"T1", SetOf(DType::kFloat8E4M3FN)},
                                     {"T2", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"block_size", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsMatMulBlockQuantizedFp8Weight;
constexpr OpDef kMsMatMulBlockQuantizedFp8Weight{.domain = "com.microsoft",
                                                 .name = "MatMulBlockQuantizedFp8Weight",
                                                 .versions = kVersions,
                                                 .inputs = kInputs,
                                                 .outputs = kOutputs,
                                                 .types = kTypes,
                                                 .attributes = kAttributes,
                                                 .raise = Raise};

}  // namespace ortolan
