// Cast: each element as type `to`. Floating to integer truncates towards zero, integers wrap around,
// everything but zero is true; strings are written and parsed. Small floats saturate unless `saturate` is 0;
// integers of 4 and 2 bits keep the low bits. Refuses complex types and strings that are no numbers.
#include "ops/elementwise_room.h"
#include "ops/tensor/cast_elements.h"

namespace ortolan {
namespace {

// Before opset 6 `to` was the name of the type, in capitals.
Status Raise(RaiseContext& context) {
  graph::Attributes& attributes = context.node.attributes;
  const std::string_view name = attributes.String("to", "");
  if (name.empty()) return OkStatus();
  std::string lower;
  for (char c : name) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  for (int i = 1; i < kDTypeCount; ++i) {
    if (DTypeName(static_cast<DType>(i)) == lower) {
      attributes.Set("to", int64_t{i});
      return OkStatus();
    }
  }
  return InvalidGraph("Cast: '{}' is no type", name);
}

Status Infer(InferContext& context) {
  const int64_t to = context.attributes().Int("to", 0);
  if (to <= 0 || to >= kDTypeCount) return InvalidArgument("Cast: attribute to is {}, which is no type", to);
  const DType dtype = static_cast<DType>(to);
  context.SetType(0, dtype);
  ORTOLAN_RETURN_IF_ERROR(InferSameShape(context));
  // Shape arithmetic goes on through integers.
  const bool index = dtype == DType::kInt64 || dtype == DType::kInt32;
  if (index && context.output_count() > 0 && context.HasInput(0) && IsInteger(context.dtype(0))) {
    std::optional<graph::Contents> contents = context.Ints(0);
    if (contents && contents->size() <= graph::kMostContents)
      context.output(0).contents = std::move(contents);
  }
  return OkStatus();
}

// The caller converts the result to the output's type: that is all.
Status Emit(EmitContext& context) {
  context.SetOutput(context.input(0));
  return OkStatus();
}

constexpr int kVersions[] = {1, 6, 9, 13, 19, 21, 23, 24, 25, 28};
constexpr FormalParameter kInputs[] = {{"input", "T1"}};
constexpr FormalParameter kOutputs[] = {{"output", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", kAllTypes & ~kComplexTypes}, {"T2", kAllTypes & ~kComplexTypes}};
constexpr AttributeSpec kAttributes[] = {{"to", AttributeType::kInt, true},
                                         {"saturate", AttributeType::kInt},
                                         {"round_mode", AttributeType::kString}};
constexpr AttributeSpec kOldAttributes[] = {{"to", AttributeType::kString}};

}  // namespace

extern const OpDef kCast;
constexpr OpDef kCast{.domain = "",
                      .name = "Cast",
                      .versions = kVersions,
                      .inputs = kInputs,
                      .outputs = kOutputs,
                      .types = kTypes,
                      .attributes = kAttributes,
                      .traits = {.in_place = 1},
                      .raise = Raise,
                      .infer = Infer,
                      .cost = ElementwiseCost,
                      .prepare = PrepareCast,
                      .emit = Emit,
                      .old_attributes = kOldAttributes};

}  // namespace ortolan
