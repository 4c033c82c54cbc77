// GroupNorm: GroupNormalization of images whose channels stand last (or first), with SiLU behind it.
#include "ops/compose.h"
#include "ops/contrib/skip_normalization.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * y, NormalizedGroups(make, make.input(0)));
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"gamma", "M"}, {"beta", "M"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"activation", AttributeType::kInt, true},
                                         {"channels_last", AttributeType::kInt},
                                         {"epsilon", AttributeType::kFloat},
                                         {"groups", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kMsGroupNorm;
constexpr OpDef kMsGroupNorm{.domain = "com.microsoft",
                             .name = "GroupNorm",
                             .versions = kVersions,
                             .inputs = kInputs,
                             .outputs = kOutputs,
                             .types = kTypes,
                             .attributes = kAttributes,
                             .raise = Raise};

}  // namespace ortolan
