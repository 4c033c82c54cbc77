#include "ops/tensor/space_and_depth.h"

#include "kernels/move/strided_copy.h"
#include "ops/axes.h"

namespace ortolan {
namespace {

using graph::Dim;

Result<int64_t> BlockOf(const graph::Attributes& attributes) {
  const int64_t block = attributes.Int("blocksize", 0);
  if (block < 1 || block > 1 << 15) return InvalidArgument("blocksize must be positive, got {}", block);
  return block;
}

Result<Dim> Divided(const Dim& dim, int64_t divisor, std::string_view what) {
  if (dim.IsConstant() && dim.constant() % divisor != 0) {
    return InvalidArgument("the input's {} {} is not a multiple of {}", what, dim.constant(), divisor);
  }
  return Dim::FloorDiv(dim, divisor);
}

struct State {
  int64_t block;
  DepthOrder order;
  bool to_space;
  int width;
};

// The space side as [N][C][H][block][W][block]; strides of both sides for these axes.
Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims& space = state.to_space ? context.outputs[0] : context.inputs[0];
  const Dims& depth = state.to_space ? context.inputs[0] : context.outputs[0];
  const int64_t block = state.block;
  if (space.size() != 4 || depth.size() != 4) return InvalidArgument("the input must have four axes");
  const int64_t n = space[0], c = space[1], h = depth[2], w = depth[3];
  if (depth[0] != n || depth[1] != c * block * block || space[2] != h * block || space[3] != w * block) {
    return InvalidArgument("{} does not rearrange to {}", DimsText(context.inputs[0]),
                           DimsText(context.outputs[0]));
  }
  const Dims dims{n, c, h, block, w, block};
  const Dims on_space = RowMajorStrides(dims);
  const int64_t plane = h * w;
  const bool depth_first = state.order == DepthOrder::kDepthFirst;
  const int64_t channel = depth_first ? plane : plane * block * block;
  const int64_t inner = depth_first ? plane * c : plane;
  const Dims on_depth{plane * c * block * block, channel, w, inner * block, 1, inner};
  binding->data = std::make_shared<const kernels::CopyPlan>(kernels::PlanCopy(
      dims, state.to_space ? on_depth : on_space, state.to_space ? on_space : on_depth, state.width));
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  const auto& plan = *static_cast<const kernels::CopyPlan*>(context.binding());
  kernels::RunCopy(plan, context.input(0).data, context.output(0).data, context.threads());
  return OkStatus();
}

}  // namespace

Status InferSpaceAndDepth(InferContext& context, bool to_space) {
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t block, BlockOf(context.attributes()));
  const graph::Shape& shape = context.shape(0);
  if (!shape.has_rank()) return OkStatus();
  if (shape.rank() != 4) return Fail("[ShapeInferenceError] Input tensor must be 4-dimensional");
  if (to_space) {
    ORTOLAN_ASSIGN_OR_RETURN(const Dim channels, Divided(shape[1], block * block, "depth"));
    context.SetShape(0, {shape[0], channels, shape[2] * Dim(block), shape[3] * Dim(block)});
  } else {
    ORTOLAN_ASSIGN_OR_RETURN(const Dim height, Divided(shape[2], block, "height"));
    ORTOLAN_ASSIGN_OR_RETURN(const Dim width, Divided(shape[3], block, "width"));
    context.SetShape(0, {shape[0], shape[1] * Dim(block * block), height, width});
  }
  return OkStatus();
}

Status PrepareSpaceAndDepth(PrepareContext& context, bool to_space, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const int width, ElementWidth(context.input_dtype(0)));
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t block, BlockOf(context.node.attributes));
  const std::string_view mode = context.node.attributes.String("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") return InvalidArgument("mode must be DCR or CRD, got {}", mode);
  const DepthOrder order = mode == "CRD" ? DepthOrder::kColumnFirst : DepthOrder::kDepthFirst;
  prepared->state = std::make_shared<const State>(State{block, order, to_space, width});
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = to_space ? "depth_to_space" : "space_to_depth";
  return OkStatus();
}

}  // namespace ortolan
