// Flatten: two dimensions, the product of those before `axis` and of those from it on; a view.
#include "ops/op.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  const graph::Shape& shape = context.shape(0);
  if (!shape.has_rank()) {
    context.SetShape(0, {context.Unknown(), context.Unknown()});
    return OkStatus();
  }
  int64_t axis = context.attributes().Int("axis", 1);
  const int64_t rank = shape.rank();
  if (axis < -rank || axis > rank) {
    return Fail("[ShapeInferenceError] Invalid value({}) for attribute 'axis' of a tensor of rank {}", axis,
                rank);
  }
  if (axis < 0) axis += rank;
  graph::Dim before = 1, after = 1;
  for (int64_t i = 0; i < rank; ++i) {
    graph::Dim& product = i < axis ? before : after;
    product = product * shape[static_cast<size_t>(i)];
  }
  context.SetShape(0, {before, after});
  if (context.input(0).contents != nullptr && context.output_count() > 0) {
    context.output(0).contents = *context.input(0).contents;
  }
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 9, 11, 13, 21, 23, 24, 25};
constexpr FormalParameter kInputs[] = {{"input", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kFlatten;
constexpr OpDef kFlatten{.domain = "",
                         .name = "Flatten",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .attributes = kAttributes,
                         .traits = {.view_of = 0},
                         .infer = Infer};

}  // namespace ortolan
