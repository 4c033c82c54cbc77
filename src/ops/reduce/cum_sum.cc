// CumSum: running sums along an axis, forwards or backwards, with or without the element itself. Integers
// wrap; float types sum in double. Refuses an axis that is no scalar or out of range.
#include "ops/reduce/cumulative.h"

namespace ortolan {
namespace {

Status Prepare(PrepareContext& context, Prepared* prepared) {
  return PrepareCumulative(context, Cumulative::kSum, prepared);
}

using graph::AttributeType;
constexpr int kVersions[] = {11, 14};
constexpr FormalParameter kInputs[] = {{"x", "T"}, {"axis", "T2"}};
constexpr FormalParameter kOutputs[] = {{"y", "T"}};
constexpr TypeConstraint kTypes[] = {
    {"T", kFloatTypes | SetOf(DType::kInt32, DType::kInt64, DType::kUInt32, DType::kUInt64)},
    {"T2", SetOf(DType::kInt32, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"reverse", AttributeType::kInt},
                                         {"exclusive", AttributeType::kInt}};

}  // namespace

extern const OpDef kCumSum;
constexpr OpDef kCumSum{.domain = "",
                        .name = "CumSum",
                        .versions = kVersions,
                        .inputs = kInputs,
                        .outputs = kOutputs,
                        .types = kTypes,
                        .attributes = kAttributes,
                        .traits = {.in_place = 1},
                        .infer = InferSameShape,
                        .prepare = Prepare};

}  // namespace ortolan
