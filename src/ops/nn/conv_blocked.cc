// ortolan::ConvBlocked: Conv with its output in the blocked layout and its input blocked or planar. Made by
// the layout pass, for float and constant weights only.
#include <algorithm>
#include <optional>
#include <utility>

#include "kernels/conv/depthwise.h"
#include "kernels/conv/direct.h"
#include "kernels/conv/winograd.h"
#include "ops/epilogue.h"
#include "ops/nn/blocked.h"
#include "ops/nn/conv_spec.h"
#include "ops/op.h"

namespace ortolan {
namespace {

constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", graph::AttributeType::kString},   {"block", graph::AttributeType::kInt, true},
    {"dilations", graph::AttributeType::kInts},    {"group", graph::AttributeType::kInt},
    {"kernel_shape", graph::AttributeType::kInts}, {"pads", graph::AttributeType::kInts},
    {"planar_input", graph::AttributeType::kInt},  {"strides", graph::AttributeType::kInts},
    {"winograd", graph::AttributeType::kInt},
};

struct State {
  nn::ConvSpec spec;
  int64_t block = 0;
  bool planar_input = false;
  bool tall = false;
  std::optional<kernels::PackedConv> direct;  // one of the three
  std::optional<kernels::PackedWinograd> winograd;
  std::optional<kernels::PackedDepthwise> depthwise;
  std::optional<FusedEpilogue> fused;
};

struct Bound {
  kernels::ConvShape shape;
  kernels::DirectPlan direct;
  kernels::WinogradPlan winograd;
  BoundEpilogue epilogue;
};

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const nn::ConvSpec spec, nn::ReadConv(context.attributes()));
  const graph::Shape& w = context.shape(1);
  graph::Shape x = context.shape(0);
  if (!x.has_rank() || !w.has_rank() || w.rank() < 3 || x.rank() < 3) return OkStatus();
  if (!context.attributes().Int("planar_input", 0)) x = nn::PlanarShape(x, w[1] * graph::Dim(spec.groups));
  ORTOLAN_ASSIGN_OR_RETURN(const graph::Shape y, nn::ConvOutput(spec, x, w, context.Unknown()));
  if (y.has_rank()) context.SetShape(0, nn::BlockedShape(y, context.attributes().Int("block", 8)));
  return OkStatus();
}

// Maps of one column, as converters write signals: their height is taken for the width, along which the
// kernels compute. The bytes are the same.
bool IsTall(const graph::Shape& x, bool planar, const nn::WindowSpec& window, const Dims& w) {
  if (!x.has_rank() || w.size() < 4 || w.back() != 1 || w[w.size() - 2] == 1) return false;
  const int width = x.rank() - (planar ? 1 : 2);
  if (width != static_cast<int>(w.size()) - 1 || !x[static_cast<size_t>(width)].Is(1)) return false;
  const nn::AxisWindow last = nn::BindAxis(window, w.size() - 3, w.size() - 2, 1, 1);
  return last.out == 1 && last.pad == 0;
}

Status TurnTall(kernels::Window& window) {
  if (window.in[2] != 1 || window.out[2] != 1 || window.kernel[2] != 1)
    return Fail("a map of one column has {} columns, its output {}", window.in[2], window.out[2]);
  for (auto* sizes :
       {window.in, window.out, window.kernel, window.stride, window.dilation, window.pad, window.pad_end}) {
    std::swap(sizes[1], sizes[2]);
  }
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const State*>(opaque);
  auto bound = std::make_shared<Bound>();
  const Dims& w = context.inputs[1];
  Dims x = context.inputs[0];
  if (x.size() < 3 || w.size() < 3)
    return InvalidArgument("X {} and W {} have too few axes", DimsText(x), DimsText(w));
  if (!state.planar_input) {
    const int64_t channels = w[1] * state.spec.groups;
    if (x.back() != state.block || x[1] != kernels::CeilDiv(channels, state.block)) {
      return InvalidArgument("X has shape {}, expected {} channels in blocks of {}", DimsText(x), channels,
                             state.block);
    }
    x = nn::PlanarDims(x, channels);
  }
  const Dims bias = context.inputs.size() > 2 ? context.inputs[2] : Dims();
  ORTOLAN_ASSIGN_OR_RETURN(bound->shape, BindConv(state.spec, x, w, bias));
  if (state.tall) ORTOLAN_RETURN_IF_ERROR(TurnTall(bound->shape.window));
  const int64_t out_blocks = kernels::CeilDiv(w[0], state.block);
  const std::optional<int64_t> outputs = CheckedCount(context.outputs[0]);
  if (!outputs ||
      *outputs != bound->shape.batch * out_blocks * bound->shape.window.out_size() * state.block) {
    return InvalidArgument("the output has shape {}, which X {} and W {} do not give",
                           DimsText(context.outputs[0]), DimsText(x), DimsText(w));
  }
  if (state.direct) {
    ORTOLAN_ASSIGN_OR_RETURN(bound->direct, PlanDirect(*state.direct, bound->shape, context.threads));
    binding->scratch_bytes = bound->direct.scratch_bytes;
  }
  if (state.winograd) {
    bound->winograd = PlanWinograd(*state.winograd, bound->shape, context.threads);
    binding->scratch_bytes = bound->winograd.scratch_bytes;
  }
  if (state.fused) {
    ORTOLAN_ASSIGN_OR_RETURN(bound->epilogue, BindEpilogue(*state.fused, EpilogueForm::kBlocked, context));
  }
  binding->data = std::move(bound);
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const State*>(opaque);
  const auto& bound = *static_cast<const Bound*>(context.binding());
  const float* x = context.input(0).As<const float>();
  float* y = context.output(0).As<float>();
  kernels::ConvEpilogue epilogue;
  kernels::Epilogue program;
  EpilogueOperands operands;
  if (state.fused) {
    program = MakeEpilogue(*state.fused, EpilogueForm::kBlocked, bound.epilogue, context, true, &operands);
    epilogue.residual = ResidualOf(*state.fused, context);
    epilogue.lower = program.lower;
    epilogue.upper = program.upper;
    if (program.program) epilogue.program = &program;
  }
  if (state.depthwise) {
    RunDepthwise(*state.depthwise, bound.shape, x, y, epilogue, context.threads());
  } else if (state.winograd) {
    RunWinograd(*state.winograd, bound.winograd, x, y, epilogue, context.scratch(), context.threads());
  } else {
    RunDirect(*state.direct, bound.direct, x, y, epilogue, context.scratch(), context.threads());
  }
  return OkStatus();
}

// The form of Winograd's that is packed in place of the plain weights: where one pays for the map that
// inference knows, or for a map of ordinary size where it knows none. Null where none does.
const kernels::WinogradKernel* WinogradOf(const graph::Node& node, const kernels::ConvVariant& variant,
                                          const nn::ConvSpec& spec, const Dims& w) {
  constexpr int64_t kOrdinary = 28;
  const graph::Shape& x = node.input(0)->shape;
  if (!node.attributes.Int("winograd", 1) || !x.has_rank() || x.rank() < 4) return nullptr;
  Dims planar = {1, w[1] * spec.groups};
  for (int axis = 2; axis + 1 < x.rank(); ++axis) {
    const graph::Dim& dim = x[static_cast<size_t>(axis)];
    planar.push_back(dim.IsConstant() ? dim.constant() : kOrdinary);
  }
  const auto shape = BindConv(spec, planar, w, {});
  return shape.ok() ? kernels::ChooseWinograd(variant, *shape) : nullptr;
}

Status Pack(PrepareContext& context, const kernels::ConvVariant& variant, State& state) {
  const Tensor* w = context.Constant(1);
  const Tensor* bias = context.Constant(2);
  if (!w || (context.node.HasInput(2) && !bias)) return NotImplemented("ConvBlocked needs constant weights");
  std::optional<nn::KernelSizes> kernel = nn::KernelOf(w->dims());
  const int64_t groups = state.spec.groups, out = w->dims()[0];
  if (!kernel || w->count() == 0 || out % groups != 0 || (bias && bias->dims() != Dims{out})) {
    return InvalidArgument("the weights have shape {} for {} groups", DimsText(w->dims()), groups);
  }
  state.tall = IsTall(context.node.input(0)->shape, state.planar_input, state.spec.window, w->dims());
  if (state.tall) std::swap(kernel->sizes[1], kernel->sizes[2]);
  const kernels::WeightSource weights = FloatsToPack(*w);
  const float* bias_data = bias ? bias->Items<const float>().data() : nullptr;
  const int64_t group_in = w->dims()[1];
  if (!state.planar_input && kernels::IsDepthwise(groups, group_in, out / groups, kernel->sizes)) {
    ORTOLAN_ASSIGN_OR_RETURN(state.depthwise, kernels::PackDepthwise(variant, out, kernel->sizes, weights,
                                                                     bias_data, context.store));
    return OkStatus();
  }
  const kernels::WinogradKernel* const winograd =
      state.planar_input ? nullptr : WinogradOf(context.node, variant, state.spec, w->dims());
  if (winograd != nullptr) {
    ORTOLAN_ASSIGN_OR_RETURN(state.winograd, kernels::PackWinograd(variant, *winograd, group_in, out, weights,
                                                                   bias_data, context.packing()));
    return OkStatus();
  }
  const auto layout = state.planar_input ? kernels::ConvLayout::kPlanar : kernels::ConvLayout::kBlocked;
  ORTOLAN_ASSIGN_OR_RETURN(
      state.direct, kernels::PackConv(variant, layout, groups, group_in * groups, out, kernel->sizes, weights,
                                      bias_data, context.packing()));
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<State>();
  const graph::Attributes& attributes = context.node.attributes;
  ORTOLAN_ASSIGN_OR_RETURN(state->spec, nn::ReadConv(attributes));
  state->block = attributes.Int("block", 0);
  state->planar_input = attributes.Int("planar_input", 0) != 0;
  const kernels::ConvVariant* variant = kernels::ConvVariantOf(context.isa, state->block);
  if (!variant) return NotImplemented("no kernel for blocks of {} on {}", state->block, IsaName(context.isa));
  ORTOLAN_RETURN_IF_ERROR(Pack(context, *variant, *state));
  if (const FusedEpilogue* fused = EpilogueOf(context.node)) {
    if (fused->bias >= 0) return NotImplemented("ConvBlocked takes its bias from its own input");
    state->fused = *fused;
  }
  if (state->winograd) {
    prepared->kernel = fmt::format("conv_winograd_{0}x{0}_{1}", state->winograd->kernel->out, variant->name);
  } else if (state->depthwise) {
    prepared->kernel = fmt::format("conv_depthwise_{}", variant->name);
  } else {
    prepared->kernel = fmt::format("conv_direct_{}x{}_{}{}", variant->pixels, 2 * variant->block,
                                   variant->name, state->planar_input ? "_from_planar" : "");
  }
  prepared->consumed = 0b110;
  prepared->run = Run;
  prepared->bind = Bind;
  prepared->state = std::move(state);
  return OkStatus();
}

Cost CostOf(const graph::Node& /*node*/, const BindContext& shapes) {
  const Dims& y = shapes.outputs[0];
  return nn::ConvCost(shapes, ElementCount(y) / std::max<int64_t>(y[1] * y.back(), 1));
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"W", "T"}, {"B", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat)}};

}  // namespace

extern const OpDef kConvBlocked;
constexpr OpDef kConvBlocked{
    .domain = "ortolan",
    .name = "ConvBlocked",
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
