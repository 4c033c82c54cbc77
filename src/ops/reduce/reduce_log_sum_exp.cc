// ReduceLogSumExp: log(sum(exp(x))) over axes, the largest element taken out first.
// Refuses axes out of range or given twice.
#include "ops/reduce/reduction.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  RaiseReduction(context, 18);
  return OkStatus();
}

Status Infer(InferContext& context) {
  return InferReduction(context, kernels::ReduceKind::kLogSumExp);
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  return PrepareReduction(context, kernels::ReduceKind::kLogSumExp, prepared);
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 11, 13, 18, 28};
constexpr FormalParameter kInputs[] = {{"data", "T"}, {"axes", "tensor(int64)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"reduced", "T"}};
constexpr TypeConstraint kTypes[] = {
    {"T", kFloatTypes | SetOf(DType::kInt32, DType::kInt64, DType::kUInt32, DType::kUInt64)}};
constexpr AttributeSpec kAttributes[] = {{"noop_with_empty_axes", AttributeType::kInt},
                                         {"keepdims", AttributeType::kInt}};
constexpr AttributeSpec kOldAttributes[] = {{"axes", AttributeType::kInts}};

}  // namespace

extern const OpDef kReduceLogSumExp;
constexpr OpDef kReduceLogSumExp{.domain = "",
                                 .name = "ReduceLogSumExp",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .attributes = kAttributes,
                                 .raise = Raise,
                                 .infer = Infer,
                                 .cost = CostOfReduction,
                                 .prepare = Prepare,
                                 .old_attributes = kOldAttributes};

}  // namespace ortolan
