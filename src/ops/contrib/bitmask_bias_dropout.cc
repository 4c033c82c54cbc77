// BitmaskBiasDropout: Dropout of data plus a bias, plus a residual; the mask has 32 elements in a word.
#include "ops/compose.h"
#include "ops/contrib/dropout.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  return RaiseDropout(context, true, true);
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"data", "T"},
                                       {"bias", "T"},
                                       {"residual", "T", Arity::kOptional},
                                       {"ratio", "T1", Arity::kOptional},
                                       {"training_mode", "T2", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}, {"mask", "T3", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {
    {"T", kFloatTypes}, {"T1", kFloatTypes}, {"T2", SetOf(DType::kBool)}, {"T3", SetOf(DType::kUInt32)}};
constexpr AttributeSpec kAttributes[] = {{"seed", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsBitmaskBiasDropout;
constexpr OpDef kMsBitmaskBiasDropout{.domain = "com.microsoft",
                                      .name = "BitmaskBiasDropout",
                                      .versions = kVersions,
                                      .inputs = kInputs,
                                      .outputs = kOutputs,
                                      .types = kTypes,
                                      .attributes = kAttributes,
                                      .raise = Raise};

}  // namespace ortolan
