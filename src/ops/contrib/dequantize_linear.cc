// DequantizeLinear of onnxruntime's domain: as the standard one, with types that came to that later.
#include "ops/contrib/qdq.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  return ComposeAs(context, "DequantizeLinear");
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"x", "T1"}, {"x_scale", "T2"}, {"x_zero_point", "T1", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"y", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", SetOf(DType::kInt8, DType::kUInt8, DType::kInt16, DType::kUInt16,
                                                  DType::kInt32, DType::kInt4, DType::kUInt4)},
                                     {"T2", SetOf(DType::kFloat, DType::kFloat16)}};
constexpr AttributeSpec kAttributes[] = {{"axis", graph::AttributeType::kInt}};

}  // namespace

extern const OpDef kMsDequantizeLinear;
constexpr OpDef kMsDequantizeLinear{.domain = "com.microsoft",
                                    .name = "DequantizeLinear",
                                    .versions = kVersions,
                                    .inputs = kInputs,
                                    .outputs = kOutputs,
                                    .types = kTypes,
                                    .attributes = kAttributes,
                                    .raise = Raise};

}  // namespace ortolan
