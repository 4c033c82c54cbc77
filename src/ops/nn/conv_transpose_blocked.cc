// ortolan::ConvTransposeBlocked: ConvTranspose with its output in the blocked layout and its input blocked or
// planar. Made by the layout pass, for float and constant weights only.
#include <algorithm>
#include <optional>

#include "kernels/conv/transposed.h"
#include "ops/epilogue.h"
#include "ops/nn/blocked.h"
#include "ops/nn/conv_spec.h"
#include "ops/nn/conv_transpose_spec.h"
#include "ops/op.h"

namespace ortolan {
namespace {

constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", graph::AttributeType::kString},   {"block", graph::AttributeType::kInt, true},
    {"dilations", graph::AttributeType::kInts},    {"group", graph::AttributeType::kInt},
    {"kernel_shape", graph::AttributeType::kInts}, {"output_padding", graph::AttributeType::kInts},
    {"output_shape", graph::AttributeType::kInts}, {"pads", graph::AttributeType::kInts},
    {"planar_input", graph::AttributeType::kInt},  {"strides", graph::AttributeType::kInts},
};

struct State {
  nn::ConvTransposeSpec spec;
  bool planar_input = false;
  kernels::PackedTransposed conv;
  std::optional<FusedEpilogue> fused;
};

struct Bound {
  kernels::TransposedPlan plan;
  BoundEpilogue epilogue;
};

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const nn::ConvTransposeSpec spec, nn::ReadConvTranspose(context.attributes()));
  graph::Shape x = context.shape(0);
  const graph::Shape& w = context.shape(1);
  if (!x.has_rank() || !w.has_rank() || x.rank() < 3) return OkStatus();
  if (!context.attributes().Int("planar_input", 0)) x = nn::PlanarShape(x, w[0]);
  ORTOLAN_ASSIGN_OR_RETURN(const graph::Shape y, nn::ConvTransposeOutput(spec, x, w));
  context.SetShape(0, nn::BlockedShape(y, context.attributes().Int("block", 8)));
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const State*>(opaque);
  const int64_t block = state.conv.variant->block;
  const Dims& w = context.inputs[1];
  Dims x = context.inputs[0];
  if (x.size() < 3 || w.size() < 3)
    return InvalidArgument("X {} and W {} have too few axes", DimsText(x), DimsText(w));
  if (!state.planar_input) {
    if (x.back() != block || x[1] != kernels::CeilDiv(w[0], block)) {
      return InvalidArgument("X has shape {}, expected {} channels in blocks of {}", DimsText(x), w[0],
                             block);
    }
    x = nn::PlanarDims(x, w[0]);
  }
  const Dims bias = context.inputs.size() > 2 ? context.inputs[2] : Dims();
  ORTOLAN_ASSIGN_OR_RETURN(const kernels::ConvShape shape, BindConvTranspose(state.spec, x, w, bias));
  const std::optional<int64_t> outputs = CheckedCount(context.outputs[0]);
  const int64_t out_blocks = kernels::CeilDiv(shape.in_channels, block);
  if (!outputs || *outputs != shape.batch * out_blocks * shape.window.in_size() * block) {
    return InvalidArgument("the output has shape {}, which X {} and W {} do not give",
                           DimsText(context.outputs[0]), DimsText(x), DimsText(w));
  }
  auto bound = std::make_shared<Bound>();
  ORTOLAN_ASSIGN_OR_RETURN(bound->plan, PlanTransposed(state.conv, shape, context.threads));
  if (state.fused) {
    ORTOLAN_ASSIGN_OR_RETURN(bound->epilogue, BindEpilogue(*state.fused, EpilogueForm::kBlocked, context));
  }
  binding->scratch_bytes = bound->plan.scratch_bytes;
  binding->data = std::move(bound);
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const State*>(opaque);
  const auto& bound = *static_cast<const Bound*>(context.binding());
  kernels::ConvEpilogue epilogue;
  kernels::Epilogue program;
  EpilogueOperands operands;
  if (state.fused) {
    program = MakeEpilogue(*state.fused, EpilogueForm::kBlocked, bound.epilogue, context, false, &operands);
    epilogue.lower = program.lower;
    epilogue.upper = program.upper;
    if (program.program) epilogue.program = &program;
  }
  RunTransposed(state.conv, bound.plan, context.input(0).As<const float>(), context.output(0).As<float>(),
                epilogue, context.scratch(), context.threads());
  return OkStatus();
}

Status Pack(PrepareContext& context, const kernels::ConvVariant& variant, State& state) {
  const Tensor* w = context.Constant(1);
  const Tensor* bias = context.Constant(2);
  if (!w || (context.node.HasInput(2) && !bias))
    return NotImplemented("ConvTransposeBlocked needs constant weights");
  const std::optional<nn::KernelSizes> kernel = nn::KernelOf(w->dims());
  const int64_t groups = state.spec.groups;
  if (!kernel || w->count() == 0 || w->dims()[0] % groups != 0 ||
      (bias && bias->dims() != Dims{w->dims()[1] * groups})) {
    return InvalidArgument("the weights have shape {} for {} groups", DimsText(w->dims()), groups);
  }
  const kernels::Window window = nn::StepsOf(state.spec, w->dims());
  if (!kernels::HasFewPhases(window)) return NotImplemented("strides of {} positions", window.stride[2]);
  const auto layout = state.planar_input ? kernels::ConvLayout::kPlanar : kernels::ConvLayout::kBlocked;
  ORTOLAN_ASSIGN_OR_RETURN(
      state.conv, kernels::PackTransposed(
                      variant, layout, groups, w->dims()[0], w->dims()[1] * groups, window, FloatsToPack(*w),
                      bias ? bias->Items<const float>().data() : nullptr, context.packing()));
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<State>();
  const graph::Attributes& attributes = context.node.attributes;
  ORTOLAN_ASSIGN_OR_RETURN(state->spec, nn::ReadConvTranspose(attributes));
  state->planar_input = attributes.Int("planar_input", 0) != 0;
  const int64_t block = attributes.Int("block", 0);
  const kernels::ConvVariant* variant = kernels::ConvVariantOf(context.isa, block);
  if (!variant) return NotImplemented("no kernel for blocks of {} on {}", block, IsaName(context.isa));
  ORTOLAN_RETURN_IF_ERROR(Pack(context, *variant, *state));
  if (const FusedEpilogue* fused = EpilogueOf(context.node)) {
    if (fused->bias >= 0) return NotImplemented("ConvTransposeBlocked takes its bias from its own input");
    state->fused = *fused;
  }
  prepared->kernel = fmt::format("conv_transpose_direct_{}x{}_{}{}", variant->pixels, 2 * variant->block,
                                 variant->name, state->planar_input ? "_from_planar" : "");
  prepared->run = Run;
  prepared->bind = Bind;
  prepared->consumed = 0b110;
  prepared->state = std::move(state);
  return OkStatus();
}

Cost CostOf(const graph::Node& node, const BindContext& shapes) {
  const Dims& x = shapes.inputs[0];
  const int64_t lanes = node.attributes.Int("planar_input", 0) ? 1 : x.back();
  return nn::ConvCost(shapes, ElementCount(x) / std::max<int64_t>(x[1] * lanes, 1));
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"W", "T"}, {"B", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat)}};

}  // namespace

extern const OpDef kConvTransposeBlocked;
constexpr OpDef kConvTransposeBlocked{
    .domain = "ortolan",
    .name = "ConvTransposeBlocked",
    .versions = kVersions,
    .inputs = kInputs,
    .outputs = kOutputs,
    .types = kTypes,
    .attributes = kAttributes,
    .traits = {.epilogue = EpilogueForm::kBlocked},
    .infer = Infer,
    .cost = CostOf,
    .prepare = Prepare,
};

}  // namespace ortolan
