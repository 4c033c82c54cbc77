// MatMulNBitsQkv: three MatMulNBits of one normalised input, which give queries, keys and values.
#include "ops/contrib/fused_n_bits.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  if (make.input(2) == nullptr) return InvalidArgument("MatMulNBitsQkv needs norm_scale");
  ORTOLAN_ASSIGN_OR_RETURN(const NormalizedInput read, NormalizedForProducts(make, 1e-6f));
  return make.Finish({NBitsProduct(make, read.x, 3, "Nq"), NBitsProduct(make, read.x, 6, "Nkv"),
                      NBitsProduct(make, read.x, 9, "Nkv"), read.sum});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T1"},
                                       {"skip", "T1", Arity::kOptional},
                                       {"norm_scale", "T1"},
                                       {"q_B", "T2"},
                                       {"q_scales", "T1"},
                                       {"q_bias", "T1", Arity::kOptional},
                                       {"k_B", "T2"},
                                       {"k_scales", "T1"},
                                       {"k_bias", "T1", Arity::kOptional},
                                       {"v_B", "T2"},
                                       {"v_scales", "T1"},
                                       {"v_bias", "T1", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {
    {"Q", "T1"}, {"K", "T1"}, {"V", "T1"}, {"input_skip_bias_sum", "T1", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T1", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16)},
                                     {"T2", SetOf(DType::kUInt8)}};
constexpr AttributeSpec kAttributes[] = {
    {"K", AttributeType::kInt, true},  {"Nkv", AttributeType::kInt, true},
    {"Nq", AttributeType::kInt, true}, {"accuracy_level", AttributeType::kInt},
    {"bits", AttributeType::kInt},     {"block_size", AttributeType::kInt, true},
    {"epsilon", AttributeType::kFloat}};

}  // namespace

extern const OpDef kMsMatMulNBitsQkv;
constexpr OpDef kMsMatMulNBitsQkv{.domain = "com.microsoft",
                                  .name = "MatMulNBitsQkv",
                                  .versions = kVersions,
                                  .inputs = kInputs,
                                  .outputs = kOutputs,
                                  .types = kTypes,
                                  .attributes = kAttributes,
                                  .raise = Raise};

}  // namespace ortolan
