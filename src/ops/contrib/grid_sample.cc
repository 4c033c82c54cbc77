// GridSample under the names of modes that ONNX had at first. Refuses other modes.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const std::string_view mode = attributes.String("mode", "bilinear");
  const std::string padding(attributes.String("padding_mode", "zeros"));
  const int64_t corners = attributes.Int("align_corners", 0);
  const std::string name(mode == "bilinear" ? "linear" : mode == "bicubic" ? "cubic" : mode);
  if (name != "linear" && name != "cubic" && name != "nearest") {
    return InvalidArgument("GridSample: mode must be bilinear, nearest or bicubic, not '{}'", mode);
  }
  Composer make(context);
  make.Last("GridSample", {make.input(0), make.input(1)},
            {{"mode", name}, {"padding_mode", padding}, {"align_corners", corners}});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T1"}, {"Grid", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T2"}};
constexpr TypeConstraint kTypes[] = {
    {"T1", kIntegerTypes | kComplexTypes |
               SetOf(DType::kFloat, DType::kDouble, DType::kFloat16, DType::kString, DType::kBool)},
    {"T2", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"align_corners", AttributeType::kInt},
                                         {"mode", AttributeType::kString},
                                         {"padding_mode", AttributeType::kString}};

}  // namespace

extern const OpDef kMsGridSample;
constexpr OpDef kMsGridSample{.domain = "com.microsoft",
                              .name = "GridSample",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .attributes = kAttributes,
                              .raise = Raise};

}  // namespace ortolan
