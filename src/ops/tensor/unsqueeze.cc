// Unsqueeze: inserts axes of size one; `axes` name their places in the output. A view. Refuses an axis given
// twice.
#include <algorithm>

#include "ops/axes.h"
#include "ops/op.h"

namespace ortolan {
namespace {

// Before opset 13 the axes were an attribute.
Status Raise(RaiseContext& context) {
  if (context.opset < 13) context.IntsToInput("axes", 1);
  return OkStatus();
}

Status Infer(InferContext& context) {
  const graph::Shape& shape = context.shape(0);
  const auto axes = context.ConstantInts(1);
  if (!shape.has_rank() || !axes) return OkStatus();
  const int64_t rank = shape.rank() + static_cast<int64_t>(axes->size());
  ORTOLAN_ASSIGN_OR_RETURN(const Dims inserted, NormalizeAxes(*axes, rank));
  graph::Shape::DimList dims;
  size_t next = 0;
  for (int64_t i = 0; i < rank; ++i) {
    const bool fresh = std::find(inserted.begin(), inserted.end(), i) != inserted.end();
    dims.push_back(fresh ? graph::Dim(1) : shape[next++]);
  }
  context.SetShape(0, std::move(dims));
  if (context.input(0).contents != nullptr && context.output_count() > 0) {
    context.output(0).contents = *context.input(0).contents;
  }
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 11, 13, 21, 23, 24, 25};
constexpr FormalParameter kInputs[] = {{"data", "T"}, {"axes", "tensor(int64)"}};
constexpr FormalParameter kOutputs[] = {{"expanded", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes}};
constexpr AttributeSpec kOldAttributes[] = {{"axes", AttributeType::kInts}};

}  // namespace

extern const OpDef kUnsqueeze;
constexpr OpDef kUnsqueeze{.domain = "",
                           .name = "Unsqueeze",
                           .versions = kVersions,
                           .inputs = kInputs,
                           .outputs = kOutputs,
                           .types = kTypes,
                           .traits = {.view_of = 0},
                           .raise = Raise,
                           .infer = Infer,
                           .old_attributes = kOldAttributes};

}  // namespace ortolan
