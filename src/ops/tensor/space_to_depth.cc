// SpaceToDepth: blocks of pixels become channels. Refuses other ranks than 4 and sizes that the block does
// not divide.
#include "ops/tensor/space_and_depth.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  return InferSpaceAndDepth(context, false);
}
Status Prepare(PrepareContext& context, Prepared* prepared) {
  return PrepareSpaceAndDepth(context, false, prepared);
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 13, 28};
constexpr FormalParameter kInputs[] = {{"input", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes}};
constexpr AttributeSpec kAttributes[] = {{"mode", AttributeType::kString},
                                         {"blocksize", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kSpaceToDepth;
constexpr OpDef kSpaceToDepth{.domain = "",
                              .name = "SpaceToDepth",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .attributes = kAttributes,
                              .infer = Infer,
                              .prepare = Prepare};

}  // namespace ortolan
