// ortolan::ByteConv: QLinearConv over channels-last maps (its input may be channels-first) with constant
// kernels, scales and zero points, and with a QLinearAdd behind it where it has a residual. Made by the
// byte_layout pass.
//
// A residual r is added as its attributes say: y = clamp(round(conv * own_ratio + r * other_ratio + fixed)).
#include "kernels/quant/byte_conv.h"

#include "kernels/quant/byte_maps.h"
#include "ops/nn/conv_spec.h"
#include "ops/quant/byte_facts.h"

namespace ortolan {
namespace {

constexpr size_t kXZero = 2, kW = 3, kWScale = 4, kWZero = 5, kYScale = 6, kYZero = 7, kBias = 8,
                 kResidual = 9;

struct State {
  nn::ConvSpec spec;
  kernels::PackedByteConv conv;
  Dims w;
  kernels::ByteFinish finish;
};

struct Bound {
  kernels::ConvShape shape;
};

Status Infer(InferContext& context) {
  context.SetType(0, context.attributes().Int("signed", 0) != 0 ? DType::kInt8 : DType::kUInt8);
  ORTOLAN_ASSIGN_OR_RETURN(const nn::ConvSpec spec, nn::ReadConv(context.attributes()));
  graph::Shape x = context.shape(0);
  if (!x.has_rank() || x.rank() < 3) return OkStatus();
  if (context.attributes().Int("planar_input", 0) == 0) x = quant::ChannelsFirst(x);
  ORTOLAN_ASSIGN_OR_RETURN(const graph::Shape y,
                           nn::ConvOutput(spec, x, context.shape(kW), context.Unknown()));
  if (y.has_rank()) context.SetShape(0, quant::ChannelsLast(y));
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const State*>(opaque);
  auto bound = std::make_shared<Bound>();
  Dims x = context.inputs[0];
  if (x.size() != state.w.size() || x.size() < 3)
    return InvalidArgument("X {} and W {} have different ranks", DimsText(x), DimsText(state.w));
  if (!state.conv.facts.x_planar) x = quant::ChannelsFirst(x);
  ORTOLAN_ASSIGN_OR_RETURN(bound->shape, BindConv(state.spec, x, state.w, {}));
  const Dims& y = context.outputs[0];
  const kernels::ConvShape& shape = bound->shape;
  if (CheckedCount(y) != shape.batch * shape.out_channels * shape.window.out_size()) {
    return InvalidArgument("the output has shape {}, which X {} and W {} do not give", DimsText(y),
                           DimsText(x), DimsText(state.w));
  }
  if (context.inputs.size() > kResidual && context.inputs[kResidual] != y) {
    return InvalidArgument("the residual has shape {}, the output {}", DimsText(context.inputs[kResidual]),
                           DimsText(y));
  }
  binding->scratch_bytes = kernels::ByteConvScratch(state.conv, shape);
  binding->data = std::move(bound);
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const State*>(opaque);
  const auto& bound = *static_cast<const Bound*>(context.binding());
  kernels::ByteFinish finish = state.finish;
  if (context.HasInput(kResidual)) finish.residual.data = context.input(kResidual).As<const uint8_t>();
  kernels::RunByteConv(state.conv, bound.shape, context.input(0).As<const uint8_t>(),
                       context.output(0).As<uint8_t>(), finish, context.scratch(), context.threads());
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<State>();
  const graph::Attributes& attributes = context.node.attributes;
  ORTOLAN_ASSIGN_OR_RETURN(state->spec, nn::ReadConv(attributes));
  quant::ConvConstants constants;
  ORTOLAN_RETURN_IF_ERROR(quant::ReadConvConstants(context.node, &constants));
  constants.weights.x_planar = attributes.Int("planar_input", 0) != 0;
  state->w = context.Constant(kW)->dims();
  ORTOLAN_ASSIGN_OR_RETURN(state->conv, kernels::PackByteConv(kernels::SelectBytes(context.isa),
                                                              constants.weights, context.threads));
  state->finish = kernels::BytesOf(constants.y_signed, constants.y_zero);
  if (context.node.HasInput(kResidual)) {
    state->finish.residual.is_signed = context.input_dtype(kResidual) == DType::kInt8;
    state->finish.residual.out_signed = attributes.Int("signed", 0) != 0;
    state->finish.residual.own_first = attributes.Int("own_first", 0) != 0;
    state->finish.residual.own_ratio = attributes.Float("own_ratio", 1);
    state->finish.residual.other_ratio = attributes.Float("other_ratio", 1);
    state->finish.residual.fixed = attributes.Float("fixed", 0);
  }
  const char* path = state->conv.path == kernels::PackedByteConv::Path::kDepthwise ? "depthwise"
                     : state->conv.path == kernels::PackedByteConv::Path::kCopied  ? "copied"
                                                                                   : "direct";
  prepared->kernel = fmt::format("byte_conv_{}_{}", path, state->conv.variant->name);
  prepared->consumed = 0b111111110;
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"x", "T1"},
                                       {"x_scale", "tensor(float)"},
                                       {"x_zero_point", "T1"},
                                       {"w", "T2"},
                                       {"w_scale", "tensor(float)"},
                                       {"w_zero_point", "T2"},
                                       {"y_scale", "tensor(float)"},
                                       {"y_zero_point", "T3"},
                                       {"B", "tensor(int32)", Arity::kOptional},
                                       {"residual", "T4", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"y", "T5"}};
constexpr TypeConstraint kTypes[] = {
    {"T1", kBytes}, {"T2", kBytes}, {"T3", kBytes}, {"T4", kBytes}, {"T5", kBytes}};
constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", AttributeType::kString},   {"dilations", AttributeType::kInts},
    {"fixed", AttributeType::kFloat},       {"group", AttributeType::kInt},
    {"kernel_shape", AttributeType::kInts}, {"other_ratio", AttributeType::kFloat},
    {"own_first", AttributeType::kInt},     {"own_ratio", AttributeType::kFloat},
    {"pads", AttributeType::kInts},         {"planar_input", AttributeType::kInt},
    {"signed", AttributeType::kInt},        {"strides", AttributeType::kInts}};

}  // namespace

extern const OpDef kByteConv;
constexpr OpDef kByteConv{.domain = "ortolan",
                          .name = "ByteConv",
                          .versions = kVersions,
                          .inputs = kInputs,
                          .outputs = kOutputs,
                          .types = kTypes,
                          .attributes = kAttributes,
                          .infer = Infer,
                          .prepare = Prepare};

}  // namespace ortolan
