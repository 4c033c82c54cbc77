// ReduceSum: the sum over axes; integers wrap; 0 of nothing.
// Refuses axes out of range or given twice.
#include "ops/reduce/reduction.h"

namespace ortolan {
namespace {

constexpr auto kKind = kernels::ReduceKind::kSum;
constexpr int kVersions[] = {1, 11, 13};
constexpr TypeConstraint kTypes[] = {
    {"T", kFloatTypes | SetOf(DType::kInt32, DType::kInt64, DType::kUInt32, DType::kUInt64)}};

}  // namespace

extern const OpDef kReduceSum;
constexpr OpDef kReduceSum{.domain = "",
                           .name = "ReduceSum",
                           .versions = kVersions,
                           .inputs = kReduceInputs,
                           .outputs = kReduceOutputs,
                           .types = kTypes,
                           .attributes = kReduceAttributes,
                           .raise = RaiseReduce<13>,
                           .infer = InferReduce<kKind>,
                           .cost = CostOfReduction,
                           .prepare = PrepareReduce<kKind>,
                           .old_attributes = kOldReduceAttributes};

}  // namespace ortolan
