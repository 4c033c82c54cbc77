// ReduceMax: the largest over axes, NaN where there is one; of nothing minus infinity or the least integer.
// Refuses axes out of range or given twice.
#include "ops/reduce/reduction.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  RaiseReduction(context, 18);
  return OkStatus();
}

Status Infer(InferContext& context) {
  return InferReduction(context, kernels::ReduceKind::kMax);
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  return PrepareReduction(context, kernels::ReduceKind::kMax, prepared);
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 11, 12, 13, 18, 20};
constexpr FormalParameter kInputs[] = {{"data", "T"}, {"axes", "tensor(int64)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"reduced", "T"}};
constexpr TypeConstraint kTypes[] = {
    {"T", kFloatTypes | SetOf(DType::kUInt8, DType::kInt8, DType::kInt32, DType::kInt64, DType::kBool,
                              DType::kUInt32, DType::kUInt64)}};
constexpr AttributeSpec kAttributes[] = {{"noop_with_empty_axes", AttributeType::kInt},
                                         {"keepdims", AttributeType::kInt}};
constexpr AttributeSpec kOldAttributes[] = {{"axes", AttributeType::kInts}};

}  // namespace

extern const OpDef kReduceMax;
constexpr OpDef kReduceMax{.domain = "",
                           .name = "ReduceMax",
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
