// Squeeze: drops axes of size one, all of them where no axes are given; a view. Refuses an axis of another
// size.
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
  if (!shape.has_rank()) return OkStatus();
  graph::Shape::DimList kept;
  if (!context.HasInput(1)) {
    for (const graph::Dim& dim : shape.dims()) {
      if (!dim.IsConstant()) return OkStatus();  // may be 1 in some run: the rank is not known
      if (!dim.Is(1)) kept.push_back(dim);
    }
  } else {
    const auto axes = context.ConstantInts(1);
    if (!axes) return OkStatus();
    ORTOLAN_ASSIGN_OR_RETURN(const Dims dropped, NormalizeAxes(*axes, shape.rank()));
    for (int64_t i = 0; i < shape.rank(); ++i) {
      const graph::Dim dim = shape[static_cast<size_t>(i)];
      if (std::find(dropped.begin(), dropped.end(), i) == dropped.end()) {
        kept.push_back(dim);
      } else if (dim.IsConstant() && !dim.Is(1)) {
        return InvalidArgument("Dimension of input {} must be 1 instead of {}", i, dim.constant());
      }
    }
  }
  context.SetShape(0, std::move(kept));
  if (context.input(0).contents != nullptr && context.output_count() > 0) {
    context.output(0).contents = *context.input(0).contents;
  }
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 11, 13, 21, 23, 24, 25};
constexpr FormalParameter kInputs[] = {{"data", "T"}, {"axes", "tensor(int64)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"squeezed", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes}};
constexpr AttributeSpec kOldAttributes[] = {{"axes", AttributeType::kInts}};

}  // namespace

extern const OpDef kSqueeze;
constexpr OpDef kSqueeze{.domain = "",
                         .name = "Squeeze",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .traits = {.view_of = 0},
                         .raise = Raise,
                         .infer = Infer,
                         .old_attributes = kOldAttributes};

}  // namespace ortolan
