// Conv: cross-correlation over one to three spatial axes, with groups, strides, dilations and padding.
//
// Float runs on the kernels of the blocked layout where they apply; the rest, and double, on the planar
// kernel. The half types are widened to float.
#include <algorithm>
#include <optional>

#include "kernels/conv/conv.h"
#include "kernels/conv/direct.h"
#include "kernels/conv/reorder.h"
#include "ops/nn/conv_planar.h"
#include "ops/nn/conv_spec.h"
#include "ops/op.h"

namespace ortolan {
namespace {

constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", graph::AttributeType::kString}, {"dilations", graph::AttributeType::kInts},
    {"group", graph::AttributeType::kInt},       {"kernel_shape", graph::AttributeType::kInts},
    {"pads", graph::AttributeType::kInts},       {"strides", graph::AttributeType::kInts},
};

struct State {
  nn::ConvSpec spec;
  DType dtype = DType::kFloat;
  std::optional<kernels::PackedConv> direct;  // float with constant weights, where the direct kernel applies
};

struct Bound {
  kernels::ConvShape shape;
  kernels::DirectPlan direct;
  size_t direct_offset = 0;  // of the kernel's own scratch, behind the blocked output
};

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const nn::ConvSpec spec, nn::ReadConv(context.attributes()));
  ORTOLAN_ASSIGN_OR_RETURN(graph::Shape shape,
                           nn::ConvOutput(spec, context.shape(0), context.shape(1), context.Unknown()));
  context.SetShape(0, std::move(shape));
  return OkStatus();
}

// The direct kernel writes the blocked layout into scratch; from there it goes to the output.
Status BindDirect(const State& state, const BindContext& context, Bound& bound, Binding* binding) {
  ORTOLAN_ASSIGN_OR_RETURN(bound.direct, PlanDirect(*state.direct, bound.shape, context.threads));
  const int64_t block = state.direct->block();
  const Dims blocked = {bound.shape.batch, kernels::CeilDiv(bound.shape.out_channels, block),
                        bound.shape.window.out_size(), block};
  ORTOLAN_ASSIGN_OR_RETURN(const size_t bytes, CheckedBytes(DType::kFloat, blocked));
  bound.direct_offset = (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
  binding->scratch_bytes = bound.direct_offset + bound.direct.scratch_bytes;
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const State*>(opaque);
  auto bound = std::make_shared<Bound>();
  const Dims bias = context.inputs.size() > 2 ? context.inputs[2] : Dims();
  ORTOLAN_ASSIGN_OR_RETURN(bound->shape, BindConv(state.spec, context.inputs[0], context.inputs[1], bias));
  const kernels::ConvShape& shape = bound->shape;
  ORTOLAN_RETURN_IF_ERROR(
      nn::CheckConvOutput(context, shape.batch * shape.out_channels * shape.window.out_size()));
  if (state.direct) {
    ORTOLAN_RETURN_IF_ERROR(BindDirect(state, context, *bound, binding));
  } else {
    binding->scratch_bytes = nn::PlanarScratch(state.dtype, context);
  }
  binding->data = std::move(bound);
  return OkStatus();
}

void RunOnBlocks(const State& state, const Bound& bound, RunContext& context) {
  auto* blocked = reinterpret_cast<float*>(context.scratch());
  RunDirect(*state.direct, bound.direct, context.input(0).As<const float>(), blocked, {},
            context.scratch() + bound.direct_offset, context.threads());
  kernels::FromBlocked(bound.shape.batch, bound.shape.out_channels, bound.shape.window.out_size(),
                       state.direct->block(), blocked, context.output(0).As<float>(), context.threads());
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const State*>(opaque);
  const auto& bound = *static_cast<const Bound*>(context.binding());
  if (state.direct) {
    RunOnBlocks(state, bound, context);
    return OkStatus();
  }
  nn::RunPlanar(state.dtype, context, [&](const auto* x, const auto* w, const auto* bias, auto* y) {
    kernels::ConvPlanar(bound.shape, x, w, bias, y, context.threads());
  });
  return OkStatus();
}

// Packs the weights where the direct kernel applies: constant ones, no depthwise groups.
Status TryDirect(PrepareContext& context, State& state) {
  const Tensor* w = context.Constant(1);
  const Tensor* bias = context.Constant(2);
  if (state.dtype != DType::kFloat || !w || (context.node.HasInput(2) && !bias)) return OkStatus();
  const Dims& dims = w->dims();
  const std::optional<nn::KernelSizes> kernel = nn::KernelOf(dims);
  const int64_t groups = state.spec.groups;
  if (!kernel || w->count() == 0 || dims[0] % groups != 0 || (bias && bias->dims() != Dims{dims[0]}))
    return OkStatus();
  if (groups > 1 && dims[1] == 1) return OkStatus();
  const kernels::ConvVariant& variant = *kernels::ConvVariants(context.isa)[0];
  constexpr auto kLayout = kernels::ConvLayout::kPlanar;
  if (MergedGroups(variant, kLayout, groups, dims[1], dims[0] / groups) == 0) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(
      state.direct,
      PackConv(variant, kLayout, groups, dims[1] * groups, dims[0], kernel->sizes, FloatsToPack(*w),
               bias ? bias->Items<const float>().data() : nullptr, context.packing()));
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  State state;
  ORTOLAN_ASSIGN_OR_RETURN(state.spec, nn::ReadConv(context.node.attributes));
  state.dtype = context.input_dtype(0);
  ORTOLAN_RETURN_IF_ERROR(TryDirect(context, state));
  prepared->run = Run;
  prepared->bind = Bind;
  prepared->kernel = "conv_planar";
  if (state.direct) {
    const kernels::ConvVariant& variant = *state.direct->variant;
    prepared->kernel =
        fmt::format("conv_direct_{}x{}_{}_from_planar", variant.pixels, 2 * variant.block, variant.name);
    prepared->consumed = 0b110;
  }
  prepared->state = std::make_shared<State>(std::move(state));
  return OkStatus();
}

Cost CostOf(const graph::Node& /*node*/, const BindContext& shapes) {
  const Dims& y = shapes.outputs[0];
  return nn::ConvCost(shapes, ElementCount(y) / std::max<int64_t>(y[1], 1));
}

constexpr int kVersions[] = {1, 11, 22};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"W", "T"}, {"B", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kConv;
constexpr OpDef kConv{
    .domain = "",
    .name = "Conv",
    .versions = kVersions,
    .inputs = kInputs,
    .outputs = kOutputs,
    .types = kTypes,
    .attributes = kAttributes,
    .infer = Infer,
    .cost = CostOf,
    .prepare = Prepare,
};

}  // namespace ortolan
