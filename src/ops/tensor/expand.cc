// Expand: broadcast to the common shape of the input and of `shape`. Refuses shapes that do not broadcast.
#include "kernels/move/strided_copy.h"
#include "ops/axes.h"
#include "ops/op.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  if (context.output_count() == 0) return OkStatus();
  const auto wanted = context.Ints(1);
  if (!wanted) {
    const graph::Shape& shape = context.shape(1);
    if (!context.shape(0).has_rank() || !shape.has_rank() || shape.rank() != 1 || !shape[0].IsConstant())
      return OkStatus();
    const int64_t rank = std::max<int64_t>(context.shape(0).rank(), shape[0].constant());
    if (rank > 64) return OkStatus();
    graph::Shape::DimList dims;
    for (int64_t i = 0; i < rank; ++i) dims.push_back(context.Unknown());
    context.SetShape(0, std::move(dims));
    return OkStatus();
  }
  for (const graph::Dim& dim : *wanted) {
    if (dim.IsConstant() && dim.constant() < 0)
      return InvalidArgument("invalid expand shape: {}", dim.constant());
  }
  if (!context.shape(0).has_rank()) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(graph::Shape shape,
                           BroadcastShapes(context.shape(0), graph::Shape(*wanted), context));
  const auto items = context.Ints(0);
  if (items && items->size() == 1 && FitsContents(shape.Count())) {
    context.output(0).contents = graph::Contents(static_cast<size_t>(shape.Count().constant()), (*items)[0]);
  }
  context.SetShape(0, std::move(shape));
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const Dims& in = context.inputs[0];
  const Dims& out = context.outputs[0];
  if (in.size() > out.size()) return InvalidArgument("invalid expand shape");
  const Dims in_strides = RowMajorStrides(in);
  Dims strides(out.size());
  const size_t shift = out.size() - in.size();
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i] != 1 && in[i] != out[i + shift]) {
      return InvalidArgument("invalid expand shape: {} does not broadcast to {}", DimsText(in),
                             DimsText(out));
    }
    strides[i + shift] = in[i] == 1 ? 0 : in_strides[i];
  }
  binding->data = std::make_shared<const kernels::CopyPlan>(
      kernels::PlanCopy(out, strides, RowMajorStrides(out), *static_cast<const int*>(opaque)));
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  const auto& plan = *static_cast<const kernels::CopyPlan*>(context.binding());
  kernels::RunCopy(plan, context.input(0).data, context.output(0).data, context.threads());
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const int width, ElementWidth(context.input_dtype(0)));
  prepared->state = std::make_shared<const int>(width);
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "expand";
  return OkStatus();
}

constexpr int kVersions[] = {8, 13};
constexpr FormalParameter kInputs[] = {{"input", "T"}, {"shape", "tensor(int64)"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes}};

}  // namespace

extern const OpDef kExpand;
constexpr OpDef kExpand{.domain = "",
                        .name = "Expand",
                        .versions = kVersions,
                        .inputs = kInputs,
                        .outputs = kOutputs,
                        .types = kTypes,
                        .infer = Infer,
                        .prepare = Prepare};

}  // namespace ortolan
