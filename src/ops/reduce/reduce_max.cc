// ReduceMax: the largest over axes, NaN where there is one; of nothing minus infinity or the least integer.
// Refuses axes out of range or given twice.
#include "ops/reduce/reduction.h"

namespace ortolan {
namespace {

constexpr auto kKind = kernels::ReduceKind::kMax;
constexpr int kVersions[] = {1, 11, 12, 13, 18, 20};
constexpr TypeConstraint kTypes[] = {
    {"T", kFloatTypes | SetOf(DType::kUInt8, DType::kInt8, DType::kInt32, DType::kInt64, DType::kBool,
                              DType::kUInt32, DType::kUInt64)}};

}  // namespace

extern const OpDef kReduceMax;
constexpr OpDef kReduceMax{.domain = "",
                           .name = "ReduceMax",
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
