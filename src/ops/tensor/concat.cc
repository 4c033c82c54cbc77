// Concat: its inputs one after the other along `axis`. Refuses inputs of different rank or of different size
// on another axis.
#include <algorithm>

#include "kernels/move/strided_copy.h"
#include "ops/axes.h"
#include "ops/op.h"

namespace ortolan {
namespace {

using graph::Dim;

// Until opset 4 the axis was optional, 1 by default.
Status Raise(RaiseContext& context) {
  if (context.opset < 4 && !context.node.attributes.Has("axis"))
    context.node.attributes.Set("axis", int64_t{1});
  return OkStatus();
}

void InferContents(InferContext& context) {
  graph::Contents joined;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.HasInput(i)) continue;
    const auto items = context.Ints(i);
    if (!items || joined.size() + items->size() > graph::kMostContents) return;
    joined.insert(joined.end(), items->begin(), items->end());
  }
  context.output(0).contents = std::move(joined);
}

Status MergeDim(const Dim& dim, Dim* merged, int64_t axis) {
  if (*merged == dim || !dim.IsConstant()) return OkStatus();
  if (merged->IsConstant()) {
    return Fail("Non concat axis dimensions must match: Axis {} has mismatched dimensions of {} and {}", axis,
                merged->constant(), dim.constant());
  }
  *merged = dim;  // a known size beats a symbol; the run checks
  return OkStatus();
}

Status Infer(InferContext& context) {
  if (context.output_count() == 0) return OkStatus();
  graph::Shape::DimList dims;
  int64_t axis = 0;
  bool first = true;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.HasInput(i)) continue;
    const graph::Shape& shape = context.shape(i);
    if (!shape.has_rank()) return OkStatus();
    if (first) {
      ORTOLAN_ASSIGN_OR_RETURN(axis, NormalizeAxis(context.attributes().Int("axis", 0), shape.rank()));
      dims = shape.dims();
      first = false;
      continue;
    }
    if (static_cast<size_t>(shape.rank()) != dims.size()) {
      return Fail("Ranks of input data are different, cannot concatenate them. expected rank: {} got: {}",
                  dims.size(), shape.rank());
    }
    for (size_t k = 0; k < dims.size(); ++k) {
      if (static_cast<int64_t>(k) == axis) {
        dims[k] = dims[k] + shape[k];
      } else {
        ORTOLAN_RETURN_IF_ERROR(MergeDim(shape[k], &dims[k], static_cast<int64_t>(k)));
      }
    }
  }
  if (first) return InvalidArgument("Concat needs at least one input");
  const bool vector = dims.size() == 1;
  context.SetShape(0, std::move(dims));
  if (vector) InferContents(context);
  return OkStatus();
}

struct State {
  int64_t axis;
  int width;
};

struct Piece {
  kernels::CopyPlan plan;
  int64_t offset_bytes;
};
using Pieces = std::vector<Piece>;

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims& out = context.outputs[0];
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis, NormalizeAxis(state.axis, static_cast<int64_t>(out.size())));
  const Dims to_strides = RowMajorStrides(out);
  const int64_t bytes =
      state.width == kernels::kStringWidth ? static_cast<int64_t>(sizeof(std::string)) : state.width;
  auto pieces = std::make_shared<Pieces>();
  int64_t at = 0;
  for (const Dims& dims : context.inputs) {
    if (dims.size() != out.size()) return InvalidArgument("Concat: inputs differ in rank");
    for (size_t i = 0; i < dims.size(); ++i) {
      if (static_cast<int64_t>(i) != axis && dims[i] != out[i]) {
        return Fail("Non concat axis dimensions must match: Axis {} has mismatched dimensions of {} and {}",
                    i, out[i], dims[i]);
      }
    }
    const size_t along = static_cast<size_t>(axis);
    pieces->push_back({kernels::PlanCopy(dims, RowMajorStrides(dims), to_strides, state.width),
                       at * to_strides[along] * bytes});
    at += dims[along];
  }
  if (at != out[static_cast<size_t>(axis)]) return Fail("Concat: inputs do not fill the output");
  binding->data = std::move(pieces);
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  const Pieces& pieces = *static_cast<const Pieces*>(context.binding());
  std::byte* out = context.output(0).As<std::byte>();
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (!context.HasInput(i)) continue;
    kernels::RunCopy(pieces[i].plan, context.input(i).data, out + pieces[i].offset_bytes, context.threads());
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const int width, ElementWidth(context.input_dtype(0)));
  prepared->state = std::make_shared<const State>(State{context.node.attributes.Int("axis", 0), width});
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "concat";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 4, 11, 13};
constexpr FormalParameter kInputs[] = {{"inputs", "T", Arity::kVariadic}};
constexpr FormalParameter kOutputs[] = {{"concat_result", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kConcat;
constexpr OpDef kConcat{.domain = "",
                        .name = "Concat",
                        .versions = kVersions,
                        .inputs = kInputs,
                        .outputs = kOutputs,
                        .types = kTypes,
                        .attributes = kAttributes,
                        .raise = Raise,
                        .infer = Infer,
                        .prepare = Prepare};

}  // namespace ortolan
