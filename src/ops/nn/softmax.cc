// Softmax: exp(x) / sum(exp(x)) along an axis, the largest element taken out first.
// Refuses an axis out of range.
#include "ops/nn/softmax_axis.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  RaiseSoftmax(context);
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  return PrepareSoftmax(context, false, prepared);
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 11, 13};
constexpr FormalParameter kInputs[] = {{"input", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kSoftmax;
constexpr OpDef kSoftmax{.domain = "",
                         .name = "Softmax",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .attributes = kAttributes,
                         .traits = {.in_place = 1},
                         .raise = Raise,
                         .infer = InferSoftmax,
                         .cost = CostOfSoftmax,
                         .prepare = Prepare};

}  // namespace ortolan
