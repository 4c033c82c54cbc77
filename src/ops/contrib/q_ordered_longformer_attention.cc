// QOrderedLongformerAttention: LongformerAttention of bytes in orders of cublasLt; what stands between its
// input and its result is computed in floats and not rounded.
#include "ops/contrib/longformer.h"
#include "ops/contrib/ordered.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  enum Input : size_t {
    kX,
    kScaleX,
    kWeight,
    kScaleWeight,
    kBias,
    kScaleBias,
    kScaleGemm,
    kMask,
    kGlobalWeight,
    kScaleGlobalWeight,
    kGlobalBias,
    kScaleGlobalGemm,
    kGlobal,
    kScaleY
  };
  const graph::Attributes& attributes = context.node.attributes;
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * x, ByRows(make, make.input(kX), attributes.Int("order_input", 1)));
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * w,
                           OrderedWeights(make, make.input(kWeight), attributes.Int("order_weight", 0)));
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * g, OrderedWeights(make, make.input(kGlobalWeight),
                                                            attributes.Int("order_global_weight", 0)));
  ORTOLAN_ASSIGN_OR_RETURN(
      graph::Value * y, ComposeLongformer(make, {Scaled(make, x, make.input(kScaleX)),
                                                 Scaled(make, w, make.input(kScaleWeight)), make.input(kBias),
                                                 make.Cast(make.input(kMask), DType::kFloat),
                                                 Scaled(make, g, make.input(kScaleGlobalWeight)),
                                                 make.input(kGlobalBias), make.input(kGlobal)}));
  ORTOLAN_ASSIGN_OR_RETURN(
      y, InOrder(make, Rounded(make, y, make.input(kScaleY)), attributes.Int("order_output", 1)));
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"input", "Q"},         {"scale_input", "S"},         {"weight", "Q"},         {"scale_weight", "S"},
    {"bias", "S"},          {"scale_bias", "S"},          {"scale_qkv_gemm", "S"}, {"mask", "F"},
    {"global_weight", "Q"}, {"scale_global_weight", "S"}, {"global_bias", "S"},    {"scale_global_gemm", "S"},
    {"global", "G"},        {"scale_output", "S"}};
constexpr FormalParameter kOutputs[] = {{"output", "Q"}};
constexpr TypeConstraint kTypes[] = {{"Q", SetOf(DType::kInt8)},
                                     {"S", SetOf(DType::kFloat)},
                                     {"G", SetOf(DType::kInt32)},
                                     {"F", SetOf(DType::kFloat16)}};
constexpr AttributeSpec kAttributes[] = {
    {"num_heads", AttributeType::kInt, true},    {"order_global_weight", AttributeType::kInt, true},
    {"order_input", AttributeType::kInt, true},  {"order_output", AttributeType::kInt, true},
    {"order_weight", AttributeType::kInt, true}, {"window", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kMsQOrderedLongformerAttention;
constexpr OpDef kMsQOrderedLongformerAttention{.domain = "com.microsoft",
                                               .name = "QOrderedLongformerAttention",
                                               .versions = kVersions,
                                               .inputs = kInputs,
                                               .outputs = kOutputs,
                                               .types = kTypes,
                                               .attributes = kAttributes,
                                               .raise = Raise};

}  // namespace ortolan
