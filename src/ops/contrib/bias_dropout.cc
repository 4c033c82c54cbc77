// BiasDropout: Dropout of data plus a bias, plus a residual.
#include "ops/compose.h"
#include "ops/contrib/dropout.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  return RaiseDropout(context, true, false);
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"data", "T"},
                                       {"bias", "T"},
                                       {"residual", "T", Arity::kOptional},
                                       {"ratio", "T1", Arity::kOptional},
                                       {"training_mode", "T2", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}, {"mask", "T2", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"T1", kFloatTypes}, {"T2", SetOf(DType::kBool)}};
constexpr AttributeSpec kAttributes[] = {{"seed", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsBiasDropout;
constexpr OpDef kMsBiasDropout{.domain = "com.microsoft",
                               .name = "BiasDropout",
                               .versions = kVersions,
                               .inputs = kInputs,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .attributes = kAttributes,
                               .raise = Raise};

}  // namespace ortolan
