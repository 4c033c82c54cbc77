// MatMulBlockQuantizedFp4Weight: A times weights of 4-bit floats (e2m1), two in a byte, with an 8-bit float
// for each block of a row and one scale for all.
#include "ops/contrib/block_weights.h"

namespace ortolan {
namespace {

// Two numbers of each byte, the low one first: (n, bytes) -> (n, 2 * bytes), float.
graph::Value* Unpacked(Composer& make, graph::Value* bytes) {
  constexpr float kNumbers[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0.0f, -0.5f, -1, -1.5f, -2, -3, -4, -6};
  graph::Value* wide = make.Cast(bytes, DType::kInt32);
  graph::Value* sixteen = make.Constant(Tensor::Scalar<int32_t>(16));
  graph::Value* both =
      make.Node("Concat",
                {make.Node("Unsqueeze", {make.Node("Mod", {wide, sixteen}), make.Ints({2})}),
                 make.Node("Unsqueeze", {make.Node("Div", {wide, sixteen}), make.Ints({2})})},
                {{"axis", int64_t{2}}});
  graph::Value* table = make.Constant(Tensor::Of<float>({16}, kNumbers));
  return make.Node("Gather", {table, make.Reshaped(both, {0, -1})});
}

Status Raise(RaiseContext& context) {
  Composer make(context);
  graph::Value* scales =
      make.Node("BitCast", {make.input(2)}, {{"to", static_cast<int64_t>(DType::kFloat8E4M3FN)}});
  scales = make.Node("Mul", {make.Cast(scales, DType::kFloat), make.input(3)});
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * y,
                           BlockScaledProduct(make, make.input(0), Unpacked(make, make.input(1)), scales,
                                              context.node.attributes.Int("block_size", 16), make.input(5)));
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T"},
                                       {"B", "tensor(uint8)"},
                                       {"weight_scale", "tensor(uint8)"},
                                       {"weight_scale_2", "T3"},
                                       {"input_scale", "T3", Arity::kOptional},
                                       {"bias", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16)},
                                     {"T3", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"block_size", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsMatMulBlockQuantizedFp4Weight;
constexpr OpDef kMsMatMulBlockQuantizedFp4Weight{.domain = "com.microsoft",
                                                 .name = "MatMulBlockQuantizedFp4Weight",
                                                 .versions = kVersions,
                                                 .inputs = kInputs,
                                                 .outputs = kOutputs,
                                                 .types = kTypes,
                                                 .attributes = kAttributes,
                                                 .raise = Raise};

}  // namespace ortolan
