// ReduceL1: the sum of absolute values over axes.
// Refuses axes out of range or given twice.
#include "ops/reduce/reduction.h"

namespace ortolan {
namespace {

constexpr auto kKind = kernels::ReduceKind::kL1;
constexpr int kVersions[] = {1, 11, 13, 18};
constexpr TypeConstraint kTypes[] = {
    {"T", kFloatTypes | SetOf(DType::kInt32, DType::kInt64, DType::kUInt32, DType::kUInt64)}};

}  // namespace

extern const OpDef kReduceL1;
constexpr OpDef kReduceL1{.domain = "",
                          .name = "ReduceL1",
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
