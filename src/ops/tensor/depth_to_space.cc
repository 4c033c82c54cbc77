// DepthToSpace: groups of channels become blocks of pixels, in DCR or CRD order. Refuses other ranks than 4
// and channel counts that the block does not divide.
#include "ops/tensor/space_and_depth.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  return InferSpaceAndDepth(context, true);
}
Status Prepare(PrepareContext& context, Prepared* prepared) {
  return PrepareSpaceAndDepth(context, true, prepared);
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 11, 13, 28};
constexpr FormalParameter kInputs[] = {{"input", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes}};
constexpr AttributeSpec kAttributes[] = {{"mode", AttributeType::kString},
                                         {"blocksize", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kDepthToSpace;
constexpr OpDef kDepthToSpace{.domain = "",
                              .name = "DepthToSpace",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .attributes = kAttributes,
                              .infer = Infer,
                              .prepare = Prepare};

}  // namespace ortolan
