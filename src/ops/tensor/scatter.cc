// Scatter: the old name of ScatterElements, which it is raised to.
#include "ops/all_ops.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  context.node.op = &kScatterElements;
  return OkStatus();
}

Status Infer(InferContext&) {
  return InvalidGraph("Scatter must be raised to ScatterElements");
}

constexpr int kVersions[] = {9, 11};
constexpr FormalParameter kInputs[] = {{"data", "T"}, {"indices", "Tind"}, {"updates", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {
    {"T", kNumericTypes | kComplexTypes | SetOf(DType::kString, DType::kBool)},
    {"Tind", SetOf(DType::kInt32, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"axis", graph::AttributeType::kInt}};

}  // namespace

extern const OpDef kScatter;
constexpr OpDef kScatter{.domain = "",
                         .name = "Scatter",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .attributes = kAttributes,
                         .raise = Raise,
                         .infer = Infer};

}  // namespace ortolan
