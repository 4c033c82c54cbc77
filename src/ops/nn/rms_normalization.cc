// RMSNormalization: x / sqrt(mean(x * x) + epsilon) * scale over the axes from `axis` on. Refuses scales that
// do not broadcast to a row.
#include "ops/nn/row_normalization.h"

namespace ortolan {
namespace {

Status Prepare(PrepareContext& context, Prepared* prepared) {
  return PrepareRowNormalization(context, false, prepared);
}

using graph::AttributeType;
constexpr int kVersions[] = {23};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"scale", "V"}};
constexpr FormalParameter kOutputs[] = {{"Y", "V"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"V", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {
    {"stash_type", AttributeType::kInt}, {"epsilon", AttributeType::kFloat}, {"axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kRMSNormalization;
constexpr OpDef kRMSNormalization{.domain = "",
                                  .name = "RMSNormalization",
                                  .versions = kVersions,
                                  .inputs = kInputs,
                                  .outputs = kOutputs,
                                  .types = kTypes,
                                  .attributes = kAttributes,
                                  .traits = {.in_place = 1},
                                  .infer = InferRowNormalization,
                                  .prepare = Prepare};

}  // namespace ortolan
