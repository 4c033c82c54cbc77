// QuantizeLinear of onnxruntime's domain: as the standard one, with types that came to that later.
#include "ops/contrib/qdq.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  return ComposeAs(context, "QuantizeLinear");
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"x", "T1"}, {"y_scale", "T1"}, {"y_zero_point", "T2", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"y", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", SetOf(DType::kFloat, DType::kFloat16)},
                                     {"T2", SetOf(DType::kInt8, DType::kUInt8, DType::kInt16, DType::kUInt16,
                                                  DType::kInt32, DType::kInt4, DType::kUInt4)}};
constexpr AttributeSpec kAttributes[] = {{"axis", graph::AttributeType::kInt}};

}  // namespace

extern const OpDef kMsQuantizeLinear;
constexpr OpDef kMsQuantizeLinear{.domain = "com.microsoft",
                                  .name = "QuantizeLinear",
                                  .versions = kVersions,
                                  .inputs = kInputs,
                                  .outputs = kOutputs,
                                  .types = kTypes,
                                  .attributes = kAttributes,
                                  .raise = Raise};

}  // namespace ortolan
