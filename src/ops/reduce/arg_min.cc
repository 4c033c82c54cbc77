// ArgMin: the position of the smallest element along an axis, of equals the first (or the last, where asked).
// Refuses an empty axis.
#include "ops/reduce/arg_extreme.h"

namespace ortolan {
namespace {

Status Prepare(PrepareContext& context, Prepared* prepared) {
  return PrepareArgExtreme(context, false, prepared);
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 11, 12, 13};
constexpr FormalParameter kInputs[] = {{"data", "T"}};
constexpr FormalParameter kOutputs[] = {{"reduced", "tensor(int64)"}};
constexpr TypeConstraint kTypes[] = {{"T", kNumericTypes}};
constexpr AttributeSpec kAttributes[] = {{"select_last_index", AttributeType::kInt},
                                         {"keepdims", AttributeType::kInt},
                                         {"axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kArgMin;
constexpr OpDef kArgMin{.domain = "",
                        .name = "ArgMin",
                        .versions = kVersions,
                        .inputs = kInputs,
                        .outputs = kOutputs,
                        .types = kTypes,
                        .attributes = kAttributes,
                        .infer = InferArgExtreme,
                        .prepare = Prepare};

}  // namespace ortolan
