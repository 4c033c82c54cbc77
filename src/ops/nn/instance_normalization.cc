// InstanceNormalization: every channel of every batch item normalised by itself, then scaled and shifted.
// Refuses parameters that do not fit the channels.
#include "ops/nn/group_normalization.h"

namespace ortolan {
namespace {

Status Prepare(PrepareContext& context, Prepared* prepared) {
  return PrepareGroupNormalization(context, 0, false, prepared);
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 6, 22};
constexpr FormalParameter kInputs[] = {{"input", "T"}, {"scale", "T"}, {"B", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"epsilon", AttributeType::kFloat}};

}  // namespace

extern const OpDef kInstanceNormalization;
constexpr OpDef kInstanceNormalization{.domain = "",
                                       .name = "InstanceNormalization",
                                       .versions = kVersions,
                                       .inputs = kInputs,
                                       .outputs = kOutputs,
                                       .types = kTypes,
                                       .attributes = kAttributes,
                                       .infer = InferSameShape,
                                       .prepare = Prepare};

}  // namespace ortolan
