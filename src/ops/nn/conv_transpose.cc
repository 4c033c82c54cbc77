// ConvTranspose: the transpose of a convolution. The output's size follows from the padding, or is given by
// output_shape or auto_pad, which then decide the padding.
#include <algorithm>

#include "kernels/conv/conv.h"
#include "ops/nn/conv_planar.h"
#include "ops/nn/conv_spec.h"
#include "ops/nn/conv_transpose_spec.h"
#include "ops/op.h"

namespace ortolan {
namespace {

constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", graph::AttributeType::kString},     {"dilations", graph::AttributeType::kInts},
    {"group", graph::AttributeType::kInt},           {"kernel_shape", graph::AttributeType::kInts},
    {"output_padding", graph::AttributeType::kInts}, {"output_shape", graph::AttributeType::kInts},
    {"pads", graph::AttributeType::kInts},           {"strides", graph::AttributeType::kInts},
};

struct State {
  nn::ConvTransposeSpec spec;
  DType dtype = DType::kFloat;
};

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const nn::ConvTransposeSpec spec, nn::ReadConvTranspose(context.attributes()));
  const graph::Shape& x = context.shape(0);
  const graph::Shape& w = context.shape(1);
  if (!x.has_rank() || !w.has_rank()) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(graph::Shape y, nn::ConvTransposeOutput(spec, x, w));
  context.SetShape(0, std::move(y));
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const State*>(opaque);
  const Dims bias = context.inputs.size() > 2 ? context.inputs[2] : Dims();
  ORTOLAN_ASSIGN_OR_RETURN(const kernels::ConvShape shape,
                           BindConvTranspose(state.spec, context.inputs[0], context.inputs[1], bias));
  ORTOLAN_RETURN_IF_ERROR(
      nn::CheckConvOutput(context, shape.batch * shape.in_channels * shape.window.in_size()));
  binding->scratch_bytes = nn::PlanarScratch(state.dtype, context);
  binding->data = std::make_shared<kernels::ConvShape>(shape);
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& shape = *static_cast<const kernels::ConvShape*>(context.binding());
  const DType dtype = static_cast<const State*>(opaque)->dtype;
  nn::RunPlanar(dtype, context, [&](const auto* x, const auto* w, const auto* bias, auto* y) {
    kernels::ConvTransposePlanar(shape, x, w, bias, y, context.threads());
  });
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<State>();
  ORTOLAN_ASSIGN_OR_RETURN(state->spec, nn::ReadConvTranspose(context.node.attributes));
  state->dtype = context.input_dtype(0);
  *prepared = {.run = Run, .state = std::move(state), .bind = Bind, .kernel = "conv_transpose_planar"};
  return OkStatus();
}

Cost CostOf(const graph::Node& /*node*/, const BindContext& shapes) {
  const Dims& x = shapes.inputs[0];
  return nn::ConvCost(shapes, ElementCount(x) / std::max<int64_t>(x[1], 1));
}

constexpr int kVersions[] = {1, 11, 22};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"W", "T"}, {"B", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kConvTranspose;
constexpr OpDef kConvTranspose{
    .domain = "",
    .name = "ConvTranspose",
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
