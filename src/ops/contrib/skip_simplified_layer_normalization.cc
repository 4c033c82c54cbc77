// SkipSimplifiedLayerNormalization: RMSNormalization of the sum of input, skip and a bias; also that sum.
#include "ops/compose.h"
#include "ops/contrib/skip_normalization.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  return RaiseSkipNormalization(context, false);
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"input", "T"}, {"skip", "T"}, {"gamma", "T"}, {"bias", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"},
                                        {"mean", "U", Arity::kOptional},
                                        {"inv_std_var", "U", Arity::kOptional},
                                        {"input_skip_bias_sum", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"U", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"epsilon", AttributeType::kFloat}};

}  // namespace

extern const OpDef kMsSkipSimplifiedLayerNormalization;
constexpr OpDef kMsSkipSimplifiedLayerNormalization{.domain = "com.microsoft",
                                                    .name = "SkipSimplifiedLayerNormalization",
                                                    .versions = kVersions,
                                                    .inputs = kInputs,
                                                    .outputs = kOutputs,
                                                    .types = kTypes,
                                                    .attributes = kAttributes,
                                                    .raise = Raise};

}  // namespace ortolan
