// ReduceLogSumExp: log(sum(exp(x))) over axes, the largest element taken out first.
// Refuses axes out of range or given twice.
#include "ops/reduce/reduction.h"

namespace ortolan {
namespace {

constexpr auto kKind = kernels::ReduceKind::kLogSumExp;
constexpr int kVersions[] = {1, 11, 13, 18, 28};
constexpr TypeConstraint kTypes[] = {
    {"T", kFloatTypes | SetOf(DType::kInt32, DType::kInt64, DType::kUInt32, DType::kUInt64)}};

}  // namespace

extern const OpDef kReduceLogSumExp;
constexpr OpDef kReduceLogSumExp{.domain = "",
                                 .name = "ReduceLogSumExp",
                                 .versions = kVersions,
                                 .inputs = kReduceInputs,
                                 .outputs = kReduceOutputs,
                                 .types = kTypes,
                                 .attributes = kReduceAttributes,
                                 .raise = RaiseReduce<>,
                                 .infer = InferReduce<kKind>,
                                 .cost = CostOfReduction,
                                 .prepare = PrepareReduce<kKind>,
                                 .old_attributes = kOldReduceAttributes};

}  // namespace ortolan
