// ReduceL2: the root of the sum of squares over axes.
// Refuses axes out of range or given twice.
#include "ops/reduce/reduction.h"

namespace ortolan {
namespace {

constexpr auto kKind = kernels::ReduceKind::kL2;
constexpr int kVersions[] = {1, 11, 13, 18};
constexpr TypeConstraint kTypes[] = {
    {"T", kFloatTypes | SetOf(DType::kInt32, DType::kInt64, DType::kUInt32, DType::kUInt64)}};

}  // namespace

extern const OpDef kReduceL2;
constexpr OpDef kReduceL2{.domain = "",
                          .name = "ReduceL2",
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
