// ReduceLogSum: the logarithm of the sum over axes.
// Refuses axes out of range or given twice.
#include "ops/reduce/reduction.h"

namespace ortolan {
namespace {

constexpr auto kKind = kernels::ReduceKind::kLogSum;
constexpr int kVersions[] = {1, 11, 13, 18, 28};
constexpr TypeConstraint kTypes[] = {
    {"T", kFloatTypes | SetOf(DType::kInt32, DType::kInt64, DType::kUInt32, DType::kUInt64)}};

}  // namespace

extern const OpDef kReduceLogSum;
constexpr OpDef kReduceLogSum{.domain = "",
                              .name = "ReduceLogSum",
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
