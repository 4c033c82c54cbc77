// ReduceMean: the mean over axes; integers divide towards zero; NaN of nothing.
// Refuses axes out of range or given twice.
#include "ops/reduce/reduction.h"

namespace ortolan {
namespace {

constexpr auto kKind = kernels::ReduceKind::kMean;
constexpr int kVersions[] = {1, 11, 13, 18};
constexpr TypeConstraint kTypes[] = {
    {"T", kFloatTypes | SetOf(DType::kInt32, DType::kInt64, DType::kUInt32, DType::kUInt64)}};

}  // namespace

extern const OpDef kReduceMean;
constexpr OpDef kReduceMean{.domain = "",
                            .name = "ReduceMean",
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
