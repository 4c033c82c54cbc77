// ortolan::ConvTransposeBlocked: ConvTranspose of a blocked value where the kernel equals the stride and
// nothing is padded, with constant weights. Made by the layout pass. The kernel's size is W's.
#include <algorithm>
#include <optional>

#include "kernels/conv/upconv.h"
#include "ops/epilogue.h"
#include "ops/nn/blocked.h"
#include "ops/nn/conv_spec.h"
#include "ops/op.h"

namespace ortolan {
namespace {

struct State {
  kernels::PackedUpconv conv;
  std::optional<FusedEpilogue> fused;
};

struct Bound {
  kernels::UpconvPlan plan;
  BoundEpilogue epilogue;
};

Status Infer(InferContext& context) {
  const graph::Shape& x = context.shape(0);
  const graph::Shape& w = context.shape(1);
  if (!x.has_rank() || !w.has_rank()) return OkStatus();
  if (x.rank() != 5 || w.rank() != 4)
    return InvalidArgument("X has rank {} and W {}, expected 5 and 4", x.rank(), w.rank());
  context.SetShape(0, graph::Shape{x[0], graph::Dim::CeilDiv(w[1], x[4]), x[2] * w[2], x[3] * w[3], x[4]});
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const State*>(opaque);
  const kernels::PackedUpconv& conv = state.conv;
  const Dims& x = context.inputs[0];
  if (x.size() != 5 || x[1] != conv.in_blocks() || x[4] != conv.block()) {
    return InvalidArgument("X has shape {}, expected {} channels in blocks of {}", DimsText(x),
                           conv.in_channels, conv.block());
  }
  const Dims y = {x[0], conv.out_blocks(), x[2] * conv.kernel[0], x[3] * conv.kernel[1], conv.block()};
  if (!(context.outputs[0] == y)) {
    return InvalidArgument("the output has shape {}, expected {}", DimsText(context.outputs[0]), DimsText(y));
  }
  auto bound = std::make_shared<Bound>();
  bound->plan = PlanUpconv(conv, x[0], x[2], x[3], context.threads);
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
  RunUpconv(state.conv, bound.plan, context.input(0).As<const float>(), context.output(0).As<float>(),
            epilogue, context.scratch(), context.threads());
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const Tensor* w = context.Constant(1);
  const Tensor* bias = context.Constant(2);
  const int64_t block = context.node.attributes.Int("block", 0);
  const kernels::ConvVariant* variant = kernels::ConvVariantOf(context.isa, block);
  if (!variant) return NotImplemented("no kernel for blocks of {} on {}", block, IsaName(context.isa));
  if (!w || (context.node.HasInput(2) && !bias))
    return NotImplemented("ConvTransposeBlocked needs constant weights");
  const Dims& dims = w->dims();
  if (dims.size() != 4 || w->count() == 0 || (bias && bias->dims() != Dims{dims[1]})) {
    return InvalidArgument("the weights have shape {}", DimsText(dims));
  }
  auto state = std::make_shared<State>();
  ORTOLAN_ASSIGN_OR_RETURN(state->conv,
                           PackUpconv(*variant, dims[0], dims[1], dims.data() + 2, FloatsToPack(*w),
                                      bias ? bias->Items<const float>().data() : nullptr, context.packing()));
  if (const FusedEpilogue* fused = EpilogueOf(context.node)) {
    if (fused->bias >= 0) return NotImplemented("ConvTransposeBlocked takes its bias from its own input");
    state->fused = *fused;
  }
  prepared->run = Run;
  prepared->bind = Bind;
  prepared->kernel = fmt::format("conv_transpose_direct_{}", variant->name);
  prepared->consumed = 0b110;
  prepared->state = std::move(state);
  return OkStatus();
}

constexpr AttributeSpec kAttributes[] = {{"block", graph::AttributeType::kInt, true}};
Cost CostOf(const graph::Node& /*node*/, const BindContext& shapes) {
  const Dims& x = shapes.inputs[0];
  return nn::ConvCost(shapes, ElementCount(x) / std::max<int64_t>(x[1] * x.back(), 1));
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
